/** Our initiator against strongSwan as the gateway: each way to prove oneself, both modes, rekeys by either, NAT and none. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Issued } from '../host/pki/openssl.ts';
import { group, groupSecret, password, poolPattern, user } from '../lab/gateway.ts';
import { Initiator, type InitiatorOptions } from '../lab/initiator.ts';
import { lacking } from '../lab/requirements.ts';
import { clientAddress, gatewayAddress, gatewayPublicAddress, lanAddress } from '../lab/topology.ts';
import { GATE, strongSwanGate } from './strongswan-gate.ts';

const skip = lacking('charon-systemd', 'swanctl', 'openssl');
const login = { user, password };

const DIRECT = { local: clientAddress, remote: gatewayAddress };
const BEHIND_NAT = { local: '10.9.0.11', remote: gatewayPublicAddress };

describe('our initiator and strongSwan as the gateway', { skip, timeout: 900_000 }, () => {
  let running: Initiator | undefined;
  afterEach(async () => {
    await running?.stop();
    running = undefined;
  });
  const stage = strongSwanGate('ini');
  const { raise } = stage;

  const AGGRESSIVE: InitiatorOptions = { ...DIRECT, exchange: 'aggressive', identity: group, psk: groupSecret, login };
  const MAIN: InitiatorOptions = { ...DIRECT, exchange: 'main', psk: groupSecret, login };

  const SECRET: InitiatorOptions = { ...DIRECT, exchange: 'main', psk: groupSecret, inner: `${clientAddress}/32` };
  const HYBRID: InitiatorOptions = { ...DIRECT, exchange: 'main', authentication: 'hybrid', identity: group, login };
  const CERTIFICATE: InitiatorOptions = {
    ...DIRECT,
    exchange: 'main',
    authentication: 'signatures',
    inner: `${clientAddress}/32`,
  };

  function trusting(by: Issued = stage.authority): Pick<InitiatorOptions, 'authorities' | 'gatewayName'> {
    return { authorities: [by.certificate], gatewayName: GATE };
  }

  function ecdsa(who: string, key: 'P-256' | 'P-384' | 'P-521'): Issued {
    return stage.issue(`${who}-${key}`, who === 'gate' ? GATE : `${who}.lab.example`, key);
  }

  function own(): Pick<InitiatorOptions, 'certificate'> {
    return { certificate: { file: stage.alice.certificate, key: stage.alice.key } };
  }

  /** Until both sides have a pair of ESP SAs: the gateway has it by the last message. */
  async function connect(options: InitiatorOptions, from: 'cl' | 'c1' = 'cl'): Promise<Initiator> {
    const before = stage.gateway.log.length;
    running = await Initiator.dial(stage.net[from], options);
    await running.tells('esp-established');
    await stage.gateway.logs(/CHILD_SA lan\{\d+\} established/, before);
    return running;
  }

  async function dial(options: InitiatorOptions): Promise<Initiator> {
    running = await Initiator.dial(stage.net.cl, options);
    return running;
  }

  describe('the ways in', () => {
    it('aggressive mode, a group and a login', async () => {
      const gateway = await raise('aggressive');
      const client = await connect({ ...AGGRESSIVE, encapsulation: 'force' });
      assert.match(String((await client.tells('configured')).address), poolPattern);
      assert.match(await gateway.associations(), /ESTABLISHED, IKEv1[\s\S]*INSTALLED, TUNNEL-in-UDP/);
      await client.pings(lanAddress);
      assert.deepEqual(client.drops, []);
    });

    it('main mode, a secret and a login', async () => {
      await raise('main');
      const client = await connect({ ...MAIN, encapsulation: 'force' });
      await client.pings(lanAddress);
      assert.deepEqual(client.drops, []);
    });

    it('main mode, a secret alone', async () => {
      await raise('secret');
      const client = await connect({ ...SECRET, encapsulation: 'force' });
      await client.pings(lanAddress);
      assert.equal(client.all('xauth-requested').length, 0);
    });

    for (const exchange of ['main', 'aggressive'] as const) {
      it(`${exchange} mode, the gateway's certificate and a login (hybrid)`, async () => {
        await raise('hybrid', { connection: { aggressive: exchange === 'aggressive' ? 'yes' : 'no' } });
        const client = await connect({ ...HYBRID, exchange, ...trusting(), encapsulation: 'force' });
        await client.pings(lanAddress);
        assert.deepEqual(client.drops, []);
      });
    }

    it('certificates on both sides and a login', async () => {
      await raise('certificates');
      const client = await connect({ ...CERTIFICATE, ...trusting(), ...own(), login, encapsulation: 'force' });
      await client.pings(lanAddress);
    });

    it('certificates on both sides alone', async () => {
      await raise('plain certificates');
      const client = await connect({ ...CERTIFICATE, ...trusting(), ...own(), encapsulation: 'force' });
      await client.pings(lanAddress);
    });

    for (const [key, ike] of [
      ['P-256', 'aes128-sha256-ecp256'],
      ['P-384', 'aes256-sha1-modp2048'],
      ['P-521', 'aes256-sha384-ecp384'],
    ] as const) {
      it(`ECDSA certificates on both sides, ${key}, and phase 1 renewed by the gateway`, async () => {
        const gateway = await raise('plain certificates', { own: ecdsa('gate', key), ike });
        const { certificate, key: secret } = ecdsa('alice', key);
        const mine = { certificate: { file: certificate, key: secret } };
        const client = await connect({ ...CERTIFICATE, ...trusting(), ...mine, encapsulation: 'force' });
        assert.match(gateway.log, /authentication of '.*alice.*' with ECDSA.* successful/);
        await client.pings(lanAddress);
        assert.equal((await gateway.control('--rekey', '--ike', 'users')).status, 0);
        await client.tells('established', 2);
        await gateway.logs(/IKE_SA users\[2\] established/);
        assert.deepEqual(client.drops, []);
      });
    }

    it('from behind a NAT, which it finds', async () => {
      const gateway = await raise('aggressive');
      const client = await connect({ ...AGGRESSIVE, ...BEHIND_NAT }, 'c1');
      // strongSwan's ESP in user space claims one of its own
      assert.deepEqual((await client.tells('established')).nat, { remote: true, local: true });
      await client.pings(lanAddress);
      assert.match(await gateway.associations(), /remote .*\[\d+\].*\n[\s\S]*TUNNEL-in-UDP/);
    });

    it('on port 4500 from the first message on', async () => {
      const gateway = await raise('main');
      const client = await connect({ ...MAIN, from: 'nat-t', encapsulation: 'force' });
      await client.pings(lanAddress);
      assert.doesNotMatch(gateway.log, /192\.0\.2\.2\[500\]/);
    });

    it('where there is no NAT before it, it finds none there', async () => {
      await raise('aggressive');
      const client = await connect(AGGRESSIVE);
      const { nat, traits } = await client.tells('established');
      assert.deepEqual(nat, { remote: true, local: false });
      assert.equal((traits as { natTraversal: string }).natTraversal, 'rfc3947');
    });

    it('without NAT traversal it stays on port 500', async () => {
      const gateway = await raise('aggressive');
      const client = await dial({ ...AGGRESSIVE, natTraversal: false });
      assert.deepEqual((await client.tells('established')).nat, { remote: false, local: false });
      await client.tells('configured');
      assert.match(await gateway.associations(), /remote .* @ 192\.0\.2\.2\[500\]/);
    });

    it('in fragments, each way', async () => {
      const gateway = await raise('certificates', {
        connection: { fragmentation: 'force' },
        daemon: { fragment_size: '600' },
      });
      // as hers, but too long for one packet
      const long = stage.issue('long', 'alice.lab.example', 'rsa2048', [`nsComment=${'x'.repeat(800)}`]);
      const certificate = { file: long.certificate, key: long.key };
      const client = await connect({ ...CERTIFICATE, ...trusting(), certificate, login, encapsulation: 'force' });
      assert.match(gateway.log, /received fragment #2, reassembled fragmented IKE message/);
      assert.match(gateway.log, /splitting IKE message \(\d+ bytes\) into \d+ fragments/);
      assert.deepEqual(client.drops, []);
    });

    it('with PFS, which both sides do', async () => {
      await raise('aggressive', { esp: 'aes128gcm16-modp2048' });
      const client = await connect({ ...AGGRESSIVE, pfs: 14, encapsulation: 'force' });
      await client.pings(lanAddress);
    });
  });

  describe('what is refused', () => {
    it('a wrong password', async () => {
      const gateway = await raise('aggressive');
      const client = await dial({ ...AGGRESSIVE, login: { user, password: 'wrong' } });
      assert.equal((await client.tells('xauth-result')).succeeded, false);
      assert.match(gateway.log, /XAuth authentication of 'alice' failed/);
    });

    it('a wrong group secret, which the client sees at message 2', async () => {
      await raise('aggressive');
      const client = await dial({ ...AGGRESSIVE, psk: 'wrong' });
      assert.match(String((await client.tells('failed')).reason), /group secrets differ/);
      assert.equal(client.all('established').length, 0);
    });

    it('a wrong secret in main mode, which the gateway answers under other keys', async () => {
      await raise('main');
      const client = await dial({ ...MAIN, psk: 'wrong' });
      assert.match(String((await client.tells('failed')).reason), /the secrets differ/);
      assert.equal(client.all('ended').length, 0);
    });

    it('a group that is unknown', async () => {
      await raise('aggressive');
      const client = await dial({ ...AGGRESSIVE, identity: 'nobody' });
      assert.match(String((await client.tells('failed')).reason), /AUTHENTICATION_FAILED \(the group/);
    });

    it('algorithms that the gateway does not take', async () => {
      await raise('aggressive', { ike: 'aes256-sha512-modp4096' });
      const client = await dial(AGGRESSIVE);
      assert.match(String((await client.tells('failed')).reason), /NO_PROPOSAL_CHOSEN \(it takes none/);
    });

    it('algorithms that it does not take for ESP', async () => {
      await raise('aggressive', { esp: 'aes192-sha384' });
      const client = await dial({ ...AGGRESSIVE, encapsulation: 'force' });
      assert.match(String((await client.tells('esp-abandoned')).reason), /NO_PROPOSAL_CHOSEN/);
    });

    it('the mode that the gateway does not serve', async () => {
      await raise('main');
      const client = await dial(AGGRESSIVE);
      assert.match(String((await client.tells('failed')).reason), /AUTHENTICATION_FAILED|INVALID_EXCHANGE_TYPE/);
    });

    it('a gateway whose certificate is of an authority that is not trusted', async () => {
      await raise('hybrid');
      const client = await dial({ ...HYBRID, ...trusting(stage.other) });
      assert.match(String((await client.tells('failed')).reason), /isn't among the authorities/);
      assert.equal(client.all('established').length, 0);
    });

    it('a gateway that is another than the one that was dialled', async () => {
      await raise('hybrid');
      const client = await dial({ ...HYBRID, ...trusting(), gatewayName: 'other.lab.example' });
      assert.match(String((await client.tells('failed')).reason), /calls itself gate\.lab\.example/);
      assert.equal(client.all('established').length, 0);
    });
  });

  describe('what follows', () => {
    it('phase 2 renewed by us', async () => {
      await raise('aggressive');
      const client = await connect({ ...AGGRESSIVE, encapsulation: 'force' });
      client.do({ do: 'rekey phase 2' });
      await client.tells('esp-established', 2);
      await client.pings(lanAddress);
    });

    it('phase 2 renewed by the gateway', async () => {
      const gateway = await raise('aggressive');
      const client = await connect({ ...AGGRESSIVE, encapsulation: 'force' });
      assert.equal((await gateway.control('--rekey', '--child', 'lan')).status, 0);
      const { pair } = await client.tells('esp-established', 2);
      assert.equal((pair as { initiatedBy: string }).initiatedBy, 'peer');
      await client.pings(lanAddress);
    });

    it('phase 1 renewed by us, with a new login', async () => {
      const gateway = await raise('aggressive');
      const client = await connect({ ...AGGRESSIVE, encapsulation: 'force' });
      client.do({ do: 'rekey phase 1' });
      await client.tells('configured', 2);
      assert.match(gateway.log, /IKE_SA users\[2\] established/);
      await client.pings(lanAddress);
    });

    it('phase 1 renewed by the gateway, where there is no login', async () => {
      const gateway = await raise('secret', { ike: 'aes128-sha256-modp2048' });
      const client = await connect({ ...SECRET, encapsulation: 'force' });
      assert.equal((await gateway.control('--rekey', '--ike', 'users')).status, 0);
      await client.tells('established', 2);
      await gateway.logs(/IKE_SA users\[2\] established/);
      assert.deepEqual(client.drops, []);
    });

    for (const [kind, options] of [
      ['main', () => MAIN],
      ['aggressive', () => AGGRESSIVE],
      // with hybrid authentication strongSwan doesn't begin itself
      ['certificates', () => ({ ...CERTIFICATE, ...trusting(), ...own(), login })],
    ] as const) {
      it(`phase 1 renewed by the gateway, which asks for the login again (${kind})`, async () => {
        const gateway = await raise(kind, { ike: 'aes128-sha256-modp2048' });
        const client = await connect({ ...options(), encapsulation: 'force' });
        assert.equal((await gateway.control('--rekey', '--ike', 'users')).status, 0);
        await client.tells('established', 2);
        await gateway.logs(/IKE_SA users\[2\] established/);
        await client.tells('xauth-result', 2);
        assert.deepEqual(client.drops, []);
      });
    }

    it('questions whether we are there, and ours', async () => {
      const gateway = await raise('aggressive', { connection: { dpd_delay: '1s', dpd_timeout: '60s' } });
      const client = await connect({ ...AGGRESSIVE, encapsulation: 'force', dpd: { idle: 3000, timeout: 8000 } });
      await gateway.logs(/sending DPD request/);
      await gateway.logs(/parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD_ACK\) \]/);
      // who is asked each second has no reason to ask by itself
      client.do({ do: 'dpd' });
      await client.tells('path-answered');
      await gateway.logs(/parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD\) \]/);
      assert.equal(client.all('ended').length, 0);
      await gateway.crash();
      assert.equal((await client.tells('ended')).reason, 'peer is dead');
    });

    it('another path, which is asked and then followed', async () => {
      const gateway = await raise('aggressive');
      const client = await connect({ ...AGGRESSIVE, encapsulation: 'force' });
      client.do({ do: 'probe' });
      const { path } = await client.tells('path-answered');
      assert.equal((path as { local: { port: number } }).local.port, 4501);
      client.do({ do: 'follow' });
      client.do({ do: 'rekey phase 2' });
      await client.tells('esp-established', 2);
      assert.match(await gateway.associations(), /192\.0\.2\.2\[4501\]/);
    });

    it('the word of a client that begins anew', async () => {
      const gateway = await raise('aggressive');
      await connect({ ...AGGRESSIVE, initialContact: true, encapsulation: 'force' });
      assert.match(gateway.log, /parsed AGGRESSIVE request 0 \[ HASH .*N\(INITIAL_CONTACT\)/);
    });

    it('the goodbye of either', async () => {
      const gateway = await raise('aggressive');
      const client = await connect({ ...AGGRESSIVE, encapsulation: 'force' });
      client.do({ do: 'close' });
      await gateway.logs(/received DELETE for IKE_SA users\[1\]/);
      await client.stop();
      const second = await connect({ ...AGGRESSIVE, encapsulation: 'force' });
      await gateway.control('--terminate', '--ike', 'users', '--timeout', '5');
      assert.equal((await second.tells('ended')).reason, 'deleted by the peer');
    });
  });
});
