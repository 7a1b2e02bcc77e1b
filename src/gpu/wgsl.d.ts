// What vite.shaders.ts makes of a file of shaders/.
declare module "*.wgsl" {
  const shader: import("./shader.ts").Shader;
  export default shader;
}
