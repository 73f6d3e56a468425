import { openFile } from "./node/file-content.ts";
import { openJournal } from "./node/journal-folder.ts";
import { openPartFile } from "./node/part-file.ts";
import { streamBody } from "./node/request-body.ts";
import { openSecretFolder } from "./node/secret-folder.ts";
import type { Runtime } from "./port.ts";

/** Node, Bun and Deno. */
export const runtime: Runtime = { streamBody, openFile, openJournal, openPartFile, openSecretFolder };
