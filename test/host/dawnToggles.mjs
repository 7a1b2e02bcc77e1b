// How Dawn compiles shaders in the tests, in Node and in Chrome.

/**
 * Workgroup memory is set to 0 by code that Dawn adds to a shader, not by the driver: for the driver's way SwiftShader
 * writes out a store for each value, and takes twice the time to compile a kernel with tiles. The memory is 0 either way.
 */
export const compilesSooner = "disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension";
