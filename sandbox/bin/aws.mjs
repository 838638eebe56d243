import { control, readHome } from './lib/home.mjs';

/* `aws ec2` describe-volumes, modify-volume and describe-volumes-modifications, for the sandbox's one volume. */
const home = readHome();
const [service, verb, ...args] = process.argv.slice(2);
const options = {};
for (let at = 0; at < args.length; at += 2) options[args[at]] = args[at + 1];
const verbs = {
  'describe-volumes': ['volume/describe', () => ({ id: options['--volume-ids'] })],
  'modify-volume': ['volume/modify', () => ({ id: options['--volume-id'], size: options['--size'] })],
  'describe-volumes-modifications': ['volume/modifications', () => ({ id: options['--volume-ids'] })],
};

if (service !== 'ec2' || !Object.hasOwn(verbs, verb ?? '')) {
  console.error(`aws: [ERROR]: the sandbox's aws knows only ec2 ${Object.keys(verbs).join(', ')}`);
  process.exitCode = 252;
} else {
  const [name, body] = verbs[verb];
  await control(home, name, body()).then(console.log, (problem) => {
    console.error(`\n${problem.message.replace(/^volume\/\w+: /, '')}`);
    process.exitCode = 254;
  });
}
