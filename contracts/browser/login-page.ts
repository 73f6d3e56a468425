import { ContainerRegistryClient } from "@acrkit/client";
import { report } from "./report.ts";

declare const location: { readonly origin: string };

/** A login at this page's own origin, whose token service redirects. */
async function login(): Promise<object> {
  const credential = { getToken: async () => ({ token: "entra-s3cret", expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const client = new ContainerRegistryClient(location.origin, credential);
  const outcome = await client
    .getRepositoryProperties("team/app")
    .catch((error: Error & { code?: string }) => error.code ?? error.message);
  return { outcome };
}

await report(login);
