/** L2TP/IPsec: in clear, behind NATs, several clients at one address. Each rule with what looks like it and isn't. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bytes, concat, u32 } from '../../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../../src/core/bytes/text.ts';
import type { Conversation } from '../../../../src/core/diagnosis/conversation.ts';
import { l2tpSecondClientStarves } from '../../../../src/core/diagnosis/rules/l2tp.ts';
import { parseIp } from '../../../../src/core/net/address.ts';
import { Authentication } from '../../../../src/core/wire/ikev1.ts';
import { ExchangeType } from '../../../../src/core/wire/isakmp.ts';
import { AvpType, encodeAvps, encodeL2tpControl, MessageType } from '../../../../src/core/wire/l2tp.ts';
import { healthy } from '../healthy.ts';
import { CLIENT, COOKIE_R, GATEWAY, ike, ke, nonce, REPLY, Stage, sa, sealed, udp, vid } from '../stage.ts';

const MARKER = fromHex('00000000');
const WINDOWS = vid('1e2b516905991c7d7c96fcbfb587e461 00000009'.replaceAll(' ', ''));

describe('l2tp-in-clear', () => {
  const control = (type: number) =>
    encodeL2tpControl({
      tunnelId: 0,
      sessionId: 0,
      ns: 0,
      nr: 0,
      body: encodeAvps([
        {
          mandatory: true,
          hidden: false,
          reserved: 0,
          vendor: 0,
          type: AvpType.MESSAGE_TYPE,
          value: Uint8Array.of(0, type),
        },
      ]),
    });

  test('a call without IPsec around it, and its answer', () => {
    const stage = new Stage().up(control(MessageType.SCCRQ), 1701).down(control(MessageType.SCCRP), 1701);
    assert.deepEqual(stage.troubles, ['l2tp-in-clear warning']);
    assert.deepEqual(stage.evidenceOf('l2tp-in-clear'), [1, 2]);
  });

  test('near misses: IPsec carries it; what goes to that port is something else', () => {
    assert.deepEqual(healthy().silence(9000).troubles, []);
    assert.deepEqual(new Stage().up(fromHex('474554202f'), 1701).silence(9000).troubles, []);
  });
});

describe('gateway-behind-nat', () => {
  const INSIDE = parseIp('192.168.1.10')!;

  /** Up to message 4 between a client and a gateway of these addresses. */
  function four(gateway = INSIDE, vendor = WINDOWS, client = CLIENT): Stage {
    const stage = new Stage();
    const up = (payload: Bytes) => stage.wait(10).see(udp(client, 500, gateway, 500, payload));
    const down = (payload: Bytes) => stage.wait(10).see(udp(gateway, 500, client, 500, payload));
    up(ike([sa(), vendor]));
    down(ike([sa()], REPLY));
    up(ike([ke(), nonce()], REPLY));
    return down(ike([ke(256, 2), nonce(4)], REPLY));
  }

  test('Windows falls silent before a gateway of a private address', () => {
    const stage = four().silence(4000);
    assert.deepEqual(stage.troubles, ['gateway-behind-nat cause']);
    assert.deepEqual(stage.evidenceOf('gateway-behind-nat'), [1, 1, 4]);
  });

  test('near misses: it is no Windows; no NAT; the client is private too; it goes on; the capture ends at once', () => {
    const fires = (stage: Stage) => stage.found.includes('gateway-behind-nat cause');
    assert.ok(!fires(four(INSIDE, vid('afcad71368a1f1c96b8696fc77570100')).silence(4000)));
    assert.ok(!fires(four(GATEWAY).silence(4000)));
    assert.ok(!fires(four(INSIDE, WINDOWS, parseIp('192.168.1.7')!).silence(4000)));
    const fifth = concat(MARKER, sealed(64, 5, REPLY));
    assert.ok(
      !fires(
        four()
          .wait(10)
          .see(udp(CLIENT, 4500, INSIDE, 4500, fifth))
          .silence(4000),
      ),
    );
    assert.ok(!fires(four().silence(1000)));
  });
});

describe('l2tp-second-client-starves', () => {
  interface Options {
    readonly authentication?: number;
    readonly isServed?: boolean;
  }

  /** Main mode and quick mode of a client that a NAT gives `port`. */
  function dial(
    stage: Stage,
    port: number,
    { authentication = Authentication.PSK, isServed = true }: Options = {},
  ): Stage {
    const digits = String(port).padStart(16, '0');
    const [initiator, responder] = [digits, COOKIE_R.slice(0, 8) + digits.slice(8)] as [string, string];
    const reply = { initiator, responder };
    const quick = { ...reply, exchange: ExchangeType.QUICK_MODE, messageId: port };
    const up = (payload: Bytes) => stage.wait(10).see(udp(CLIENT, port, GATEWAY, 4500, concat(MARKER, payload)));
    const down = (payload: Bytes) => stage.wait(10).see(udp(GATEWAY, 4500, CLIENT, port, concat(MARKER, payload)));
    up(ike([sa({ authentication })], { initiator }));
    down(ike([sa({ authentication })], reply));
    up(ike([ke(), nonce()], reply));
    down(ike([ke(256, 2), nonce(4)], reply));
    up(sealed(64, 5, reply));
    down(sealed(64, 6, reply));
    up(sealed(160, 7, quick));
    if (!isServed) {
      stage.wait(4000);
      up(sealed(160, 7, quick));
      return stage;
    }
    down(sealed(160, 8, quick));
    return up(sealed(48, 9, quick));
  }

  const packet = (spi: number, i: number) => concat(u32(spi), u32(i), new Uint8Array(60));
  const up = (stage: Stage, port: number, i: number) =>
    stage.wait(10).see(udp(CLIENT, port, GATEWAY, 4500, packet(0x1000 + port, i)));
  const down = (stage: Stage, port: number, i: number) =>
    stage.wait(10).see(udp(GATEWAY, 4500, CLIENT, port, packet(0x9000_0000 + port, i)));

  /** Each second a packet of each client; `answered`: those whose answers come. */
  function talk(stage: Stage, ports: readonly number[], answered: readonly number[], from: number, to: number): Stage {
    for (let i = from; i <= to; i++) {
      stage.wait(1000);
      for (const port of ports) {
        up(stage, port, i);
        if (answered.includes(port)) down(stage, port, i);
      }
    }
    return stage;
  }

  const FIRST = 4500;
  const SECOND = 31_000;
  const both = (options?: Options) =>
    dial(talk(dial(new Stage(), FIRST, options), [FIRST], [FIRST], 1, 3), SECOND, options);

  test('the first goes on sending, and nothing comes any more', () => {
    const stage = talk(both(), [FIRST, SECOND], [SECOND], 4, 10);
    assert.equal(stage.troubles[0], 'l2tp-second-client-starves cause');
    assert.deepEqual(stage.evidenceOf('l2tp-second-client-starves'), [1, 16, 43]);
  });

  test('of a crowd each flow is looked at once, not once for each two clients', () => {
    const ports = Array.from({ length: 60 }, (_, i) => 5000 + i);
    const stage = new Stage();
    for (const port of ports) dial(stage, port);
    const { conversations, lastAt = 0 } = talk(stage, ports, ports, 1, 5).diagnosis;
    const [conversation] = conversations as [Conversation];
    let looks = 0;
    const flows = new Proxy(conversation.flows, {
      get: (all, key) => {
        if (typeof key === 'string' && /^\d+$/.test(key)) looks++;
        return Reflect.get(all, key);
      },
    });
    Object.defineProperty(conversation, 'flows', { value: flows });
    const scene = { conversations, lastAt, crypto: undefined };
    assert.ok(l2tpSecondClientStarves.of === 'pair');
    assert.equal(l2tpSecondClientStarves.judge(conversation, scene), undefined);
    assert.equal(flows.length, 2 * ports.length);
    assert.ok(looks <= 2 * flows.length, `${looks} looks`);
  });

  test("the second one's phase 2 is never answered", () => {
    const stage = dial(talk(dial(new Stage(), FIRST), [FIRST], [FIRST], 1, 3), SECOND, { isServed: false }).silence(
      9000,
    );
    assert.equal(stage.troubles[0], 'l2tp-second-client-starves cause');
    assert.deepEqual(stage.evidenceOf('l2tp-second-client-starves'), [1, 16, 23]);
  });

  test('near misses: both are served; one was idle, and sends again; they log in by XAUTH', () => {
    assert.deepEqual(talk(both(), [FIRST, SECOND], [FIRST, SECOND], 4, 10).troubles, []);
    const idle = talk(both(), [SECOND], [SECOND], 1, 20);
    for (let i = 4; i < 8; i++) up(idle, FIRST, i);
    assert.deepEqual(idle.silence(100).troubles, []);
    const cisco = talk(both({ authentication: Authentication.XAUTH_INIT_PSK }), [FIRST, SECOND], [SECOND], 4, 10);
    assert.ok(!cisco.found.includes('l2tp-second-client-starves cause'));
  });
});
