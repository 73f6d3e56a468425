import type { Emulator } from "@acrkit/emulator";

/**
 * A way for an SDK to get its Entra token, told to the samples through environment variables.
 *
 * To add one (the real `DefaultAzureCredential` against a stand-in of Entra ID, say): an entry here, and a branch in each
 * of `programs/*` for the variables it sets.
 */
export interface CredentialWay {
  readonly name: string;
  environment(emulator: Emulator): Promise<Readonly<Record<string, string>>>;
}

/** The token is fetched beforehand; the samples wrap it into the SDK's own kind of `TokenCredential`. */
export const staticToken: CredentialWay = {
  name: "static token",
  async environment(emulator) {
    const { token } = await emulator.credential.getToken("https://containerregistry.azure.net/.default");
    return { INTEROP_ACCESS_TOKEN: token };
  },
};
