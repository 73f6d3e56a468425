import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { type LayerFile, type PackedLayer, packLayer } from "./layer.ts";

/** An image ready to be pushed. */
export interface PackedImage {
  readonly layers: readonly (PackedLayer & { readonly title: string })[];
  readonly config: string;
}

/**
 * Packs a container image that runs: the Node.js binary that runs this script, with the libraries it has loaded, and an
 * app of one file. `docker run` (or any runtime) on the same kind of machine prints the app's greeting.
 */
export async function packImage(folder: string): Promise<PackedImage> {
  const runtime = await packLayer(join(folder, "runtime.tar"), await runtimeFiles());
  const app = await packLayer(join(folder, "app.tar"), [{ path: "app/hello.js", from: { text: APP } }]);
  const config = JSON.stringify({
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: process.platform,
    config: { Entrypoint: ["/usr/local/bin/node", "/app/hello.js"], WorkingDir: "/app", Env: ["PATH=/usr/local/bin"] },
    rootfs: { type: "layers", diff_ids: [runtime.digest, app.digest] },
    history: [{ created_by: `node ${process.version}` }, { created_by: "acrkit quickstart" }],
  });
  return {
    layers: [
      { ...runtime, title: `Node.js ${process.version}` },
      { ...app, title: "the app" },
    ],
    config,
  };
}

const APP = `console.log("Hello from a container that acrkit pushed, on Node.js " + process.version + ".");\n`;

/** The binary, and the shared libraries that the loader found for it, at the paths where it will look for them. */
async function runtimeFiles(): Promise<readonly LayerFile[]> {
  const report = process.report.getReport() as { readonly sharedObjects?: readonly string[] };
  const libraries = (report.sharedObjects ?? []).filter((path) => path.startsWith("/") && path !== process.execPath);
  const files: LayerFile[] = [
    { path: "usr/local/bin/node", from: { file: await realpath(process.execPath) }, executable: true },
  ];
  for (const path of libraries) {
    files.push({ path: path.slice(1), from: { file: await realpath(path) }, executable: true });
  }
  return files;
}
