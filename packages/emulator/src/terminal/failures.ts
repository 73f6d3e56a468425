/** Says why the emulator could not start, and what helps, where the system's own words do not. */
export function explainFailedStart(error: unknown, folder: string | undefined): string {
  const { code, syscall, port, address, message } = (
    error instanceof Error ? error : { message: String(error) }
  ) as NodeJS.ErrnoException & { readonly port?: number; readonly address?: string };
  if (syscall === "listen" || syscall === "bind") {
    if (code === "EADDRINUSE") {
      return `port ${port} is taken by another program, an emulator perhaps that runs already; choose another with --port`;
    }
    if (code === "EACCES") return `port ${port} is for privileged programs; choose one from 1024 on with --port`;
    if (code === "EADDRNOTAVAIL") return `${address} is no address of this machine; see --host`;
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `${message}; --host takes an address of this machine`;
  if (folder !== undefined) {
    if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
      return `the data folder ${folder} cannot be written to (${message}); choose another with --data`;
    }
    if (code === "EEXIST" || code === "ENOTDIR") return `--data ${folder} is no folder (${message})`;
    if (code === "ENOSPC") return `the disk of the data folder ${folder} is full`;
  }
  return message;
}
