import { copyFile, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { npmPackage } from "../install/npm.ts";
import { PROGRAMS } from "../install/programs.ts";
import type { Sdk } from "./client.ts";

const PACKAGE = "@azure/container-registry";
const REPOSITORY = "library/hello-world";

/** The blocks of the package's README, which are its snippets, each a program of its own. */
export const azureJavaScript: Sdk = {
  kind: "sdk",
  name: "Azure SDK for JavaScript",
  installer: npmPackage(PACKAGE, "1.1.2"),
  async prepare(program, { installed, folder }) {
    const readme = await readFile(join(installed, "node_modules", PACKAGE, "README.md"), "utf8");
    await writeFile(join(folder, `${program}.mts`), adapt(snippetOf(readme, program)));
    await copyFile(join(PROGRAMS, "javascript", "identity.mjs"), join(folder, "identity.mjs"));
    // A second sample in the same folder finds it there.
    await symlink(join(installed, "node_modules"), join(folder, "node_modules")).catch(() => {});
    // Node itself takes the types out.
    return [process.execPath, `${program}.mts`];
  },
  jobs: {
    "list repositories": { programs: ["SampleReadmeListRepositories"] },
    "list tags anonymously": { programs: ["SampleReadmeListTagsAnonymous"] },
    "set properties": { programs: ["SampleReadmeSetArtifactProperties"], locks: "tag latest" },
    "upload image": { programs: ["SampleReadmeUploadImages"], images: [[REPOSITORY, "demo"]] },
    "download image": {
      programs: ["SampleReadmeUploadImages", "SampleReadmeDownloadImages"],
      layer: "Sample layer",
    },
    "delete images": { programs: ["SampleReadmeDeleteImages"] },
    "delete tags": { absent: "part of the sample that deletes images" },
    "delete manifest": { programs: ["SampleReadmeDeleteManifest"], repository: REPOSITORY, tag: "latest" },
    "delete blobs": { programs: ["SampleReadmeDeleteBlob"], repository: REPOSITORY, tag: "latest" },
    "delete repository": { absent: "no sample" },
  },
};

function snippetOf(readme: string, name: string): string {
  const [, code] = new RegExp(`^\`\`\`ts snippet:${name}\\n(.*?)^\`\`\``, "ms").exec(readme) ?? [];
  if (code === undefined) throw new Error(`the README of ${PACKAGE} has no snippet ${name}`);
  return code;
}

/** Endpoint and credential; and a type that is imported without saying so, which Node would look for as a value. */
function adapt(code: string): string {
  if (!code.includes('"https://myregistryname.azurecr.io"')) throw new Error("the snippet names another endpoint");
  return code
    .replaceAll('"https://myregistryname.azurecr.io"', "process.env.CONTAINERREGISTRY_ENDPOINT as string")
    .replaceAll('"@azure/identity"', '"./identity.mjs"')
    .replaceAll(/^ {2}OciImageManifest,$/gm, "  type OciImageManifest,");
}
