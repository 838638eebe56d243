/** What is in use under a folder that plays a volume of its own, held-open deleted files included. The path must be real. */
export function usageOf(folder: string): Promise<{ bytes: number; inodes: number }>;
