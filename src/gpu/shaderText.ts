/** Parts of a kernel's code, in this order. */
export const join = (...parts: string[]): string => parts.join("\n");

/** What kernels begin with whose invocations exchange values: quads and subgroups branch together, which no compiler sees. */
export const subgroups = "enable subgroups;\ndiagnostic(off, subgroup_uniformity);";
