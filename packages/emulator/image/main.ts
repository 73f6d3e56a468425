// Builds an OCI image of the emulator, without a container engine.
//
//   npm run image -w @acrkit/emulator -- [folder]
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { buildImage } from "./build-image.ts";

// npm runs scripts in the package's folder, and says where it was called.
const folder = resolve(process.env.INIT_CWD ?? ".", process.argv[2] ?? "acrkit-emulator-image");

// What an earlier build left would stay in the layout as blobs that nothing refers to.
await rm(resolve(folder, "blobs"), { recursive: true, force: true });
const { digest, tag } = await buildImage(folder);
console.log(`${digest}\n\nAn OCI layout in ${folder}, tagged ${tag}. To use it:

  skopeo copy oci:${folder}:${tag} docker-daemon:acrkit-emulator:${tag}
  skopeo copy oci:${folder}:${tag} docker://registry.example/acrkit-emulator:${tag}
  crane push ${folder} registry.example/acrkit-emulator:${tag}`);
