/** The metrics, read as Prometheus reads them: well formed, bounded, and open to this machine alone. */
import assert from 'node:assert/strict';
import { get } from 'node:http';
import { describe, it } from 'node:test';
import { parseIp } from '../../src/core/net/address.ts';
import { Figures } from '../../src/gateway/figures.ts';
import { formatMetrics } from '../../src/gateway/metrics.ts';
import { serveMetrics } from '../../src/gateway/metrics-server.ts';
import { freePort } from './free-port.ts';
import { parseMetrics } from './parse-metrics.ts';

const traffic = { packetsIn: 1, bytesIn: 1400, packetsOut: 2, bytesOut: 2 ** 40 };
const eventLoopDelay = { percentile: (p: number) => p * 1e6, max: 250e6, count: 9 };

describe('metrics', () => {
  it('count a failure where it happened: who is through phase 1 did not fail in it', () => {
    const figures = new Figures();
    for (const step of ['call', 'waiting for call', 'waiting for nobody', 'waiting for goodbye', 'waiting for nothing'])
      figures.countFailure(step);
    assert.deepEqual(figures.failed, { phase1: 0, login: 4, configuration: 0, phase2: 1 });
  });

  it('are well formed, each family once and before its samples', () => {
    const figures = new Figures();
    figures.up = 3;
    for (const step of ['login', 'waiting for login', 'Mode-Config', 'quick mode', 'main mode', 'waiting for anything'])
      figures.countFailure(step);
    figures.countDrop('ike_malformed');
    figures.countDrop('ike_malformed');
    figures.logins['wrong-password'] = 4;
    const dataplane = { esp_in: 5, drop_replay: 6, ring_down_full: 0, ring_up_full: 7 };
    figures.countWrite(2);
    figures.countWrite(500);
    const text = formatMetrics({
      sessions: 2,
      halfOpen: 1,
      halfOpenBytes: 700,
      figures,
      traffic,
      dataplane,
      rings: { down: { waiting: 0, highest: 128 }, up: { waiting: 64, highest: 4096 } },
      queues: { passwords: { waiting: 3, highest: 9 } },
      eventLoopDelay,
    });
    const samples = parseMetrics(text);
    const expected = {
      sallyport_sessions: 2,
      sallyport_half_open: 1,
      sallyport_half_open_bytes: 700,
      'sallyport_ring_bytes{ring="up"}': 64,
      'sallyport_ring_highest_bytes{ring="down"}': 128,
      'sallyport_queue{queue="passwords"}': 3,
      'sallyport_queue_highest{queue="passwords"}': 9,
      sallyport_store_writes_total: 2,
      sallyport_store_seconds_total: 0.502,
      sallyport_store_longest_seconds: 0.5,
      'sallyport_handshakes_total{result="up",stage=""}': 3,
      'sallyport_handshakes_total{result="failed",stage="phase1"}': 2,
      'sallyport_handshakes_total{result="failed",stage="login"}': 2,
      'sallyport_handshakes_total{result="failed",stage="configuration"}': 1,
      'sallyport_handshakes_total{result="failed",stage="phase2"}': 1,
      'sallyport_logins_total{result="wrong-password"}': 4,
      'sallyport_logins_total{result="ok"}': 0,
      'sallyport_bytes_total{direction="out"}': 2 ** 40,
      'sallyport_packets_total{direction="in"}': 1,
      'sallyport_ike_dropped_total{reason="ike_malformed"}': 2,
      'sallyport_dropped_total{reason="replay"}': 6,
      'sallyport_ring_full_total{ring="up"}': 7,
      'sallyport_dataplane_events_total{event="esp_in"}': 5,
      'sallyport_event_loop_delay_seconds{quantile="0.99"}': 0.099,
      'sallyport_event_loop_delay_seconds{quantile="1"}': 0.25,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(samples.get(name), value, name);
    assert.ok(samples.get('process_resident_memory_bytes')! > 1e7);
    assert.ok(Math.abs(samples.get('process_start_time_seconds')! - Date.now() / 1000) < 3600);
  });

  it('keep counting what ended', () => {
    const figures = new Figures();
    figures.countEnded(traffic);
    figures.countEnded(traffic);
    assert.deepEqual(figures.past, { packetsIn: 2, bytesIn: 2800, packetsOut: 4, bytesOut: 2 ** 41 });
  });
});

describe('the metrics port', () => {
  it('gives them to who asks here, and to no name made up to lead here', async (test) => {
    const port = await freePort();
    const at = { address: parseIp('127.0.0.1')!, port };
    const ask = (path: string, host = `127.0.0.1:${port}`) => askAt(port, path, host);
    const server = await serveMetrics(at, () => 'up 1\n');
    test.after(() => server.close());
    assert.deepEqual(await ask('/metrics'), [200, 'up 1\n', 'text/plain; version=0.0.4; charset=utf-8']);
    assert.equal((await ask('/'))[0], 404);
    assert.equal((await ask('/metrics', `evil.example:${port}`))[0], 404);
    assert.equal((await ask('/metrics', `localhost:${port}`))[0], 200);
    await assert.rejects(
      serveMetrics(at, () => ''),
      { code: 'METRICS', message: new RegExp(`127\\.0\\.0\\.1:${port}`) },
    );
  });

  function askAt(port: number, path: string, host: string): Promise<[number | undefined, string, string | undefined]> {
    return new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, path, headers: { host } }, async (response) => {
        const chunks = await response.setEncoding('utf8').toArray();
        resolve([response.statusCode, chunks.join(''), response.headers['content-type']]);
      }).on('error', reject);
    });
  }
});
