/** Stands in for `@azure/identity`: whatever the credential is, it hands out the emulator's token. */
export class DefaultAzureCredential {
  async getToken(): Promise<{ token: string; expiresOnTimestamp: number }> {
    return { token: process.env.ACRKIT_EXAMPLE_AAD_TOKEN ?? "", expiresOnTimestamp: Date.now() + 3_600_000 };
  }
}

export { DefaultAzureCredential as AzureCliCredential, DefaultAzureCredential as ManagedIdentityCredential };
