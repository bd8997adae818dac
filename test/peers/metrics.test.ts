/** The metrics of a gateway that has clients: at the control socket and at the loopback port. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMetrics } from '../gateway/parse-metrics.ts';
import { until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { ping, reaches } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';

const skip = lacking('vpnc');

describe('metrics', { skip, timeout: 900_000 }, () => {
  const stage = scene({ config: { metrics: '127.0.0.1:9464' } });

  it('count sessions, traffic, logins and failures, and name nobody', async () => {
    const { net, gateway } = stage;
    const read = async () => parseMetrics((await gateway.command('metrics')).stdout);
    const client = await Vpnc.connect(net.cl);
    assert.ok(await reaches(net.cl));
    await ping(net.cl, { count: 10, interval: 0.02 });
    const during = await read();
    assert.equal(during.get('sallyport_sessions'), 1);
    assert.equal(during.get('sallyport_half_open'), 0);
    assert.equal(during.get('sallyport_handshakes_total{result="up",stage=""}'), 1);
    assert.equal(during.get('sallyport_logins_total{result="ok"}'), 1);
    assert.ok(during.get('sallyport_ring_highest_bytes{ring="up"}')! > 500, 'IKE came up');
    assert.ok(during.get('sallyport_ring_highest_bytes{ring="down"}')! > 500, 'keys and answers went down');
    assert.equal(during.get('sallyport_ring_bytes{ring="up"}'), 0);
    assert.equal(during.get('sallyport_queue{queue="passwords"}'), 0);
    assert.ok(during.get('sallyport_store_writes_total')! >= 2, 'a lease and a row of the history');
    assert.equal(during.get('sallyport_dropped_total{reason="socket_full"}'), 0);
    assert.equal(during.get('sallyport_dropped_total{reason="tun_queue_full"}'), 0);
    const bytes = 'sallyport_bytes_total{direction="in"}';
    assert.ok(during.get(bytes)! > 800);
    assert.ok(during.get('sallyport_event_loop_delay_seconds{quantile="1"}')! > 0);
    await client.stop();
    await gateway.holds(0);

    const refused = await Vpnc.start(net.cl, { password: 'wrong' });
    await refused.stop();
    const failed = 'sallyport_handshakes_total{result="failed",stage="login"}';
    const after = await until(async () => {
      const now = await read();
      return now.get(failed)! >= 1 && now;
    });
    assert.equal(after.get('sallyport_sessions'), 0);
    assert.ok(after.get(bytes)! >= during.get(bytes)!, 'what ended still counts');
    assert.ok(after.get('sallyport_logins_total{result="wrong-password"}')! >= 1);

    const fetch = `fetch('http://127.0.0.1:9464/metrics').then(async (r) => process.stdout.write(await r.text()))`;
    const overHttp = await net.gw.must([process.execPath, '-e', fetch]);
    assert.deepEqual([...parseMetrics(overHttp).keys()], [...after.keys()]);
    assert.doesNotMatch(overHttp, /alice|labgroup|192\.0\.2|10\.77/);
  });
});
