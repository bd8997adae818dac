/** Phase 2 that is refused: by its networks, or by its algorithms. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NotifyType } from '../../../../src/core/wire/ikev1.ts';
import { ExchangeType } from '../../../../src/core/wire/isakmp.ts';
import { healthy } from '../healthy.ts';
import { INFORMATIONAL, ike, ke, nonce, notification, REPLY, Stage, sa, sealed } from '../stage.ts';

const quick = (messageId: number) => ({ ...REPLY, exchange: ExchangeType.QUICK_MODE, messageId });
const SELECTORS = ike([notification(NotifyType.INVALID_ID_INFORMATION)], INFORMATIONAL);

function proven(): Stage {
  return new Stage()
    .up(ike([sa()]))
    .down(ike([sa()], REPLY))
    .up(ike([ke(), nonce()], REPLY))
    .down(ike([ke(256, 2), nonce(4)], REPLY))
    .up(sealed(64, 5, REPLY))
    .down(sealed(64, 6, REPLY));
}

const asked = () => proven().up(sealed(160, 7, quick(77)));

describe('selectors-refused', () => {
  test('instead of message 2 the gateway says that the identities do not fit', () => {
    const stage = asked().down(SELECTORS);
    assert.deepEqual(stage.troubles, ['selectors-refused cause']);
    assert.deepEqual(stage.evidenceOf('selectors-refused'), [7, 8]);
  });

  test('near misses: another word; one that nobody can read; before phase 2', () => {
    const word = ike([notification(NotifyType.NO_PROPOSAL_CHOSEN)], INFORMATIONAL);
    assert.deepEqual(asked().down(word).troubles, ['phase2-no-proposal cause']);
    const sealedWord = asked().down(sealed(64, 90, INFORMATIONAL));
    assert.deepEqual(sealedWord.troubles, ['phase2-no-proposal cause']);
    assert.match(sealedWord.diagnosis.findings[0]!.cause, /else the networks/);
    assert.ok(!proven().down(SELECTORS).found.includes('selectors-refused cause'));
  });

  test('near misses: the client asks for less, and gets it; a network more is refused beside what stands', () => {
    const narrower = asked()
      .down(SELECTORS)
      .up(sealed(160, 17, quick(78)))
      .down(sealed(160, 18, quick(78)));
    assert.deepEqual(narrower.up(sealed(48, 19, quick(78))).silence(9000).troubles, []);
    assert.deepEqual(
      healthy()
        .up(sealed(160, 17, quick(78)))
        .down(SELECTORS)
        .silence(9000).troubles,
      [],
    );
  });
});
