interface Files {
  chainFile: string;
  keyFile: string;
}
export function makeAuthority(folder: string): Promise<string>;
export function issue(
  folder: string,
  options: { names: string[]; notBefore?: Date; notAfter?: Date; withChain?: boolean; of?: 'server' | 'client' },
): Promise<{ key: string; chain: string }>;
export function putCertificate(files: Files, pair: { key: string; chain: string }): void;
