/** A connection without fault: main mode without NAT, a quick mode, and traffic both ways. */
import { ExchangeType } from '../../../src/core/wire/isakmp.ts';
import { CLIENT, esp, GATEWAY, ike, ke, nonce, REPLY, Stage, sa, sealed, vid } from './stage.ts';

export function healthy(stage = new Stage()): Stage {
  const quick = { ...REPLY, exchange: ExchangeType.QUICK_MODE, messageId: 77 };
  return stage
    .up(ike([sa(), vid('afcad71368a1f1c96b8696fc77570100')]))
    .down(ike([sa()], REPLY))
    .up(ike([ke(), nonce()], REPLY))
    .down(ike([ke(256, 2), nonce(4)], REPLY))
    .up(sealed(64, 5, REPLY))
    .down(sealed(64, 6, REPLY))
    .up(sealed(160, 7, quick))
    .down(sealed(160, 8, quick))
    .up(sealed(48, 9, quick))
    .see(esp(CLIENT, GATEWAY, 0x1000, 1))
    .wait(20)
    .see(esp(GATEWAY, CLIENT, 0x2000, 1));
}
