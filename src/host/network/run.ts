/** Runs the system's own network programs: argument arrays, never a shell, and words for what went wrong. */
import { execFile } from 'node:child_process';
import { HostError, systemReason } from '../errors.ts';

export interface Ran {
  /** Undefined: it was killed, or took too long. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Set for every program we start, so that one which outlives a killed client can be found and waited for. */
export const OWNER_VARIABLE = 'SALLYPORT_NETWORK';

const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  resolvectl: 'systemd-resolved',
  resolvconf: 'openresolv',
};

/** resolvconf runs other programs' scripts, which may wait for a daemon. */
const PATIENCE = 30_000;
const MAX_OUTPUT = 16 * 1024 * 1024;

/** Runs a program to its end, whatever its status. Throws {@link HostError} `NETWORK_PROGRAM` if it can't be started. */
export function run(
  program: string,
  args: readonly string[],
  options: { input?: string; owner?: string } = {},
): Promise<Ran> {
  const env = { ...process.env, LC_ALL: 'C', ...(options.owner && { [OWNER_VARIABLE]: options.owner }) };
  return new Promise((resolve, reject) => {
    const settings = { env, timeout: PATIENCE, maxBuffer: MAX_OUTPUT, encoding: 'utf8' } as const;
    const child = execFile(program, args, settings, (error, stdout, stderr) => {
      if (error && typeof error.code === 'string') reject(cantRun(program, error));
      else resolve({ status: error ? statusOf(error) : 0, stdout, stderr });
    });
    // A program may end before it has read everything.
    child.stdin?.on('error', () => {}).end(options.input ?? '');
  });
}

/** Absent when a signal ended it. */
function statusOf({ code }: { code?: unknown }): number | undefined {
  return typeof code === 'number' ? code : undefined;
}

/** What a program said about its failure, in one line. */
export function complaint({ status, stderr, stdout }: Ran): string {
  const lines = `${stderr}\n${stdout}`.split('\n').map((line) => line.trim());
  const said = lines.filter((line) => line !== '' && !line.startsWith('Command failed')).slice(0, 2);
  return said.join('; ') || (status === undefined ? 'it took too long' : `it ended with status ${status}`);
}

function cantRun(program: string, error: Error): HostError {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
    const name = PACKAGES[program] ?? program;
    return new HostError('NETWORK_PROGRAM', `${program} is missing; install it (Debian: apt install ${name})`);
  }
  return new HostError('NETWORK_PROGRAM', `${program} can't be run: ${systemReason(error)}`);
}
