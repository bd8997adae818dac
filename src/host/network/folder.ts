/** Where a client keeps what outlives it, but not the machine's restart. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HostError } from '../errors.ts';

/** /run/sallyport for root, else in XDG_RUNTIME_DIR. It may be missing yet. Throws {@link HostError} `STATE_FOLDER`. */
export function clientFolder(): string {
  if (process.geteuid?.() === 0) return '/run/sallyport';
  const runtime = process.env.XDG_RUNTIME_DIR;
  if (runtime) return join(runtime, 'sallyport');
  throw new HostError(
    'STATE_FOLDER',
    "this is for root: run it with sudo. A user's own clients are found when XDG_RUNTIME_DIR is set",
  );
}

/** For what is better remembered but may be lost: /var/cache/sallyport for root, else in XDG_CACHE_HOME. It may be missing yet. */
export function clientCacheFolder(): string {
  if (process.geteuid?.() === 0) return '/var/cache/sallyport';
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sallyport');
}
