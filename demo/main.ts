/** `npm run demo`: the two stories that Sallyport comes from, played in network namespaces with the programs as they are. */
import { lacking } from '../test/lab/requirements.ts';
import { tellFirewallStory } from './firewall-story.ts';
import { tellNatStory } from './nat-story.ts';

const missing = lacking();
if (missing) {
  console.error(`The demo makes network namespaces. ${missing}`);
  process.exitCode = 1;
} else {
  await tellFirewallStory();
  await tellNatStory();
}
