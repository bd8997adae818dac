/** No way round the user: who has only the group's secret, or another peer's network, gets no tunnel. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { groupSecret, mainSecret } from '../lab/gateway.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { type ClientOptions, clientConfiguration } from '../lab/swanctl.ts';
import { clientAddress, gatewayAddress } from '../lab/topology.ts';
import { isOutOfReach } from '../lab/traffic.ts';

const skip = lacking('charon-systemd', 'swanctl');

interface Attempt extends Partial<ClientOptions> {
  readonly name: string;
}

const inner = '10.88.0.0/24';
const withoutUser = { login: null, inner } as const;
const askingForAddress = { ...withoutUser, connection: { vips: '0.0.0.0' } } as const;

const attempts: readonly Attempt[] = [
  { name: 'aggressive mode with the group secret, no XAUTH', mode: 'aggressive', ...withoutUser },
  { name: 'main mode with the secret of the nameless, no XAUTH', mode: 'main', ...withoutUser },
  { name: 'the same, asking for an address', mode: 'main', ...askingForAddress },
  { name: 'aggressive mode, no XAUTH, asking for an address', mode: 'aggressive', ...askingForAddress },
  {
    name: "a peer's name, with the secret of the nameless",
    mode: 'main',
    id: '10.88.0.1',
    psk: mainSecret,
    ...withoutUser,
  },
  { name: "a peer's name, with a group's secret", mode: 'main', id: '10.88.0.1', psk: groupSecret, ...withoutUser },
  {
    name: "a peer's name in aggressive mode, with a group's secret",
    mode: 'aggressive',
    id: '10.88.0.1',
    psk: groupSecret,
    ...withoutUser,
  },
  {
    name: 'a peer with a network not its own',
    mode: 'main',
    id: '10.88.0.1',
    psk: 'peersecret',
    login: null,
    inner: '10.89.0.0/24',
  },
  {
    name: 'a peer with a network wider than its own',
    mode: 'main',
    id: '10.88.0.1',
    psk: 'peersecret',
    login: null,
    inner: '10.88.0.0/16',
  },
  { name: 'an unknown peer', mode: 'main', id: '10.99.0.1', psk: 'peersecret', ...withoutUser },
];

describe('no way round the user', { skip, timeout: 900_000 }, () => {
  const stage = scene({ config: { peers: [{ id: '10.88.0.1', psk: 'peersecret', inner }] } });

  for (const { name, ...options } of attempts) {
    it(name, async () => {
      const { net, gateway, mark } = stage;
      await net.cl.run(['ip', 'address', 'add', '10.88.0.1/32', 'dev', 'lo']);
      await net.cl.run(['ip', 'address', 'add', '10.89.0.1/32', 'dev', 'lo']);
      const configuration = clientConfiguration({ local: clientAddress, remote: gatewayAddress, ...options });
      const client = await StrongSwan.start(net.cl, configuration);
      const { status } = await client.initiate(8);
      assert.notEqual(status, 0, `it got a tunnel\n${gateway.said(mark)}`);
      for (const source of ['10.88.0.1', '10.89.0.1']) {
        assert.ok(await isOutOfReach(net.cl, { source }));
      }
      const sessions = await gateway.sessions();
      assert.ok(
        sessions.every(({ address, esp }) => address === null && esp === null),
        JSON.stringify(sessions),
      );
      assert.doesNotMatch(client.log, /CHILD_SA home\{\d+\} established|installing new virtual IP/);
      // A client that turns away by itself is missed when its time is up.
      await gateway.logs(/warn|error|refused|failed/i, mark);
      await client.stop();
    });
  }
});
