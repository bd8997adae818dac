/** Entry of the dataplane's worker thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { runLoop } from './loop.ts';
import { OpensslCiphers } from './openssl-ciphers.ts';
import type { WorkerData } from './worker-data.ts';

runLoop(
  workerData as WorkerData,
  (arena) => new OpensslCiphers(arena),
  () => parentPort?.postMessage('ready'),
);
