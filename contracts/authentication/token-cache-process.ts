// One of many processes in a row: `node token-cache-process.ts ENDPOINT FOLDER`. Its Entra token comes from the environment.
import { ContainerRegistryClient } from "@acrkit/client";

const [endpoint = "", folder = ""] = process.argv.slice(2);
const token = process.env.ENTRA_TOKEN ?? "";
const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
const client = new ContainerRegistryClient(endpoint, credential, { tokenCache: { folder } });
await client.getRepositoryProperties("team/app");
