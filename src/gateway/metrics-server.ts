/** Hands the metrics out over HTTP on a loopback address, where only this machine can ask. */
import { createServer } from 'node:http';
import { type Endpoint, formatEndpoint } from '../core/net/address.ts';
import { HostError, systemReason } from '../host/errors.ts';
import { METRICS_TYPE } from './metrics.ts';

const MAX_SCRAPERS = 8;
/** ms */
const PATIENCE = 5000;

/** Throws {@link HostError} `METRICS`. */
export async function serveMetrics(at: Endpoint, read: () => string): Promise<{ close(): Promise<void> }> {
  const server = createServer({ requestTimeout: PATIENCE, headersTimeout: PATIENCE }, (request, response) => {
    const found = request.method === 'GET' && request.url === '/metrics' && isLoopbackHost(request.headers.host);
    response.writeHead(found ? 200 : 404, { 'Content-Type': METRICS_TYPE, Connection: 'close' });
    response.end(found ? read() : 'nothing here but GET /metrics\n');
  });
  server.maxConnections = MAX_SCRAPERS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new HostError('METRICS', `can't serve metrics at ${formatEndpoint(at)}: ${systemReason(error)}`)),
    );
    server.listen(at.port, at.address.text, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A page in a browser here, whose name was made to lead to 127.0.0.1, gives itself away by that name. */
function isLoopbackHost(host = ''): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host);
}
