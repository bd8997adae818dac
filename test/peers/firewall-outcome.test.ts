/** The expectations of the matrix, by hand: what a mistake in them would hide. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FIVE } from '../lab/firewall.ts';
import { COMBINATIONS, expectedWith } from './firewall-outcome.ts';

describe('what is expected behind a firewall', () => {
  it('there are 32 sets of openings, all different', () => {
    assert.equal(new Set(COMBINATIONS.map((set) => set.join())).size, 32);
    assert.deepEqual(COMBINATIONS[0], []);
    assert.deepEqual(COMBINATIONS[31], FIVE);
  });

  it('the one set that people could open by hand in 2004 gives Cisco IPsec over UDP', () => {
    assert.deepEqual(expectedWith(['udp/500', 'udp/10000']).carriers, ['cisco-udp']);
  });

  it('each carrier alone', () => {
    assert.deepEqual(expectedWith(['udp/4500']).carriers, ['nat-t']);
    assert.deepEqual(expectedWith(['udp/500', 'protocol/50']).carriers, ['esp']);
    assert.deepEqual(expectedWith(['tcp/10000']).carriers, ['cisco-tcp']);
    assert.deepEqual(expectedWith(FIVE).carriers, ['nat-t', 'esp', 'cisco-udp', 'cisco-tcp']);
  });

  it('no carrier, and what each lacks', () => {
    assert.deepEqual(expectedWith(['udp/10000', 'protocol/50']), {
      carriers: [],
      missing: {
        'nat-t': ['UDP 4500'],
        esp: ['UDP 500'],
        'cisco-udp': ['UDP 500'],
        'cisco-tcp': ['TCP 10000'],
      },
    });
    assert.deepEqual(expectedWith(['udp/500']).missing, {
      'nat-t': ['UDP 4500'],
      esp: ['IP protocol 50'],
      'cisco-udp': ['UDP 10000'],
      'cisco-tcp': ['TCP 10000'],
    });
  });

  it('27 of the 32 sets have some carrier', () => {
    const without = COMBINATIONS.filter((set) => expectedWith(set).carriers.length === 0);
    assert.deepEqual(
      without.map((set) => set.join(' ')),
      ['', 'udp/500', 'udp/10000', 'protocol/50', 'udp/10000 protocol/50'],
    );
  });
});
