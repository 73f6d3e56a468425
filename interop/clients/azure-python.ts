import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { PROGRAMS } from "../install/programs.ts";
import { pythonPackage } from "../install/python.ts";
import type { Sdk } from "./client.ts";

const VERSION = "1.2.0";

/** Uploads, downloads and deletes an OCI image and a Docker one. */
const SET_GET_IMAGE = "sample_set_get_image.py";

/** The samples of the source archive as they are; only their `utilities.py`, which fetches credentials, is another. */
export const azurePython: Sdk = {
  kind: "sdk",
  name: "Azure SDK for Python",
  installer: pythonPackage("azure-containerregistry", VERSION, ["python-dotenv==1.2.1"]),
  async prepare(program, { installed, folder }) {
    const samples = join(installed, "source", `azure-containerregistry-${VERSION}`, "samples");
    await copyFile(join(samples, program), join(folder, program));
    await copyFile(join(PROGRAMS, "python", "utilities.py"), join(folder, "utilities.py"));
    return [join(installed, "venv", "bin", "python"), program];
  },
  jobs: {
    "list repositories": { absent: "part of the sample that deletes a repository" },
    "list tags anonymously": { programs: ["sample_list_tags.py"] },
    "set properties": { programs: ["sample_set_image_properties.py"], locks: "manifest of v1" },
    "upload image": {
      programs: [SET_GET_IMAGE],
      images: [
        ["sample-oci-image", "latest"],
        ["sample-docker-image", "sample"],
      ],
      removed: true,
    },
    "download image": { programs: [SET_GET_IMAGE], layer: "Sample layer" },
    "delete images": { programs: ["sample_delete_images.py"] },
    "delete tags": {
      programs: ["sample_delete_tags.py"],
      repository: "library/hello-world",
      before: ["a", "b", "c", "d", "latest"],
      after: ["c", "d", "latest"],
    },
    "delete manifest": { programs: [SET_GET_IMAGE], repository: "sample-oci-image", tag: "latest", uploaded: true },
    "delete blobs": { programs: [SET_GET_IMAGE], repository: "sample-oci-image", tag: "latest", uploaded: true },
    "delete repository": { programs: ["sample_hello_world.py"], repository: "library/hello-world" },
  },
};
