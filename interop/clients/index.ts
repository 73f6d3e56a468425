import { azureGo } from "./azure-go.ts";
import { azureJava } from "./azure-java.ts";
import { azureJavaScript } from "./azure-javascript.ts";
import { azurePython } from "./azure-python.ts";
import type { Sdk, Tool } from "./client.ts";
import { crane } from "./crane.ts";
import { oras } from "./oras.ts";
import { regctl } from "./regctl.ts";
import { skopeo } from "./skopeo.ts";

/** In the order of the matrix. */
export const TOOLS: readonly Tool[] = [crane, oras, regctl, skopeo];
export const SDKS: readonly Sdk[] = [azureJavaScript, azurePython, azureGo, azureJava];
