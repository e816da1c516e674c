/** Whether a directory lies on a disk that others change without this system being told. */
import { statfsSync } from 'node:fs';

/** Magic numbers of statfs(2) on Linux: NFS, SMB (three of them), 9P, Ceph, AFS, and FUSE, over which most others come. */
const NETWORK = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x00c36400, 0x5346414f, 0x65735546]);

/** False where the system does not say. */
export function isNetworkDisk(path: string): boolean {
  return process.platform === 'linux' && NETWORK.has(statfsSync(path).type);
}
