// Runs before each example, in its process: gives it what a reader would have set up long before.
import { registerHooks } from "node:module";

declare global {
  /** A client with full rights on a registry that has the images of `images.ts`. */
  var client: import("@acrkit/client").ContainerRegistryClient;
}

if (process.env.CONTAINERREGISTRY_ENDPOINT !== undefined) {
  // Examples use the credentials of @azure/identity, whose own means (a sign-in, a managed identity) a test has not.
  // Those that start an emulator have its Entra ID, and sign in there in earnest.
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier === "@azure/identity" ? new URL("./identity.ts", import.meta.url).href : specifier, context),
  });
  const [{ ContainerRegistryClient }, { DefaultAzureCredential }] = await Promise.all([
    import("@acrkit/client"),
    import("./identity.ts"),
  ]);
  globalThis.client = new ContainerRegistryClient(process.env.CONTAINERREGISTRY_ENDPOINT, new DefaultAzureCredential());
}
