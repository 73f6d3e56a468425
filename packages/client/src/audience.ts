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

/** The domains of the clouds' registries, each with the audience to ask for there. Germany's cloud, and its domain, are no more. */
const CLOUDS: Readonly<Record<string, string>> = {
  ".azurecr.io": KnownContainerRegistryAudience.ContainerRegistry,
  ".azurecr.cn": KnownContainerRegistryAudience.AzureResourceManagerChina,
  ".azurecr.us": KnownContainerRegistryAudience.AzureResourceManagerGovernment,
};

/**
 * The audience for a registry whose user named none, by its domain: sovereign clouds have their own, where the public audience
 * does not exist. Elsewhere, at a domain of one's own or in Azure Stack, the user may have to name another.
 */
export function audienceFor(hostname: string): string {
  return cloudAudience(hostname) ?? KnownContainerRegistryAudience.ContainerRegistry;
}

/** True for a host that can be no other registry than one of ACR's: Microsoft gives out these names. */
export function isAcrHost(hostname: string): boolean {
  return cloudAudience(hostname) !== undefined;
}

function cloudAudience(hostname: string): string | undefined {
  return Object.entries(CLOUDS).find(([suffix]) => hostname.toLowerCase().endsWith(suffix))?.[1];
}
