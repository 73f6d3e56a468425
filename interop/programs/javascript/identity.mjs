// In place of `@azure/identity` in the samples: hands out the token that was fetched for this run.
export class DefaultAzureCredential {
  async getToken() {
    const token = process.env.INTEROP_ACCESS_TOKEN;
    if (token === undefined) throw new Error("this sample was to run without a credential");
    return { token, expiresOnTimestamp: Date.now() + 3_600_000 };
  }
}
