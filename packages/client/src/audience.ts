/**
 * For whom Entra ID issues the token that the registry exchanges: the registry service itself, or the cloud's resource
 * manager, which older and sovereign clouds want.
 */
export const KnownContainerRegistryAudience = {
  /** The default: the registry service. */
  ContainerRegistry: "https://containerregistry.azure.net",
  AzureResourceManagerPublicCloud: "https://management.azure.com",
  AzureResourceManagerChina: "https://management.chinacloudapi.cn",
  AzureResourceManagerGovernment: "https://management.usgovcloudapi.net",
  AzureResourceManagerGermany: "https://management.microsoftazure.de",
} as const;

/**
 * The audience for a registry whose user named none, by its domain: China and US Government registries have their own
 * clouds, where the public audience does not exist.
 */
export function audienceFor(hostname: string): string {
  if (hostname.endsWith(".azurecr.cn")) return KnownContainerRegistryAudience.AzureResourceManagerChina;
  if (hostname.endsWith(".azurecr.us")) return KnownContainerRegistryAudience.AzureResourceManagerGovernment;
  return KnownContainerRegistryAudience.ContainerRegistry;
}
