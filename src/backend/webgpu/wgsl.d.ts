// Type of a module that vite.shaders.ts generates from a file in shaders/.
declare module "*.wgsl" {
  /** Of the structs of the file that have only fields a host may write. */
  export const layouts: Readonly<Record<string, import("./layout.ts").Layout>>;
  const shader: import("./shader.ts").Shader;
  export default shader;
}
