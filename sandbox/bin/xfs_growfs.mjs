import { control, readHome } from './lib/home.mjs';

/* `xfs_growfs MOUNT`: makes the sandbox's file system as large as its partition. */
const home = readHome();
const [mount, ...more] = process.argv.slice(2);
if (mount !== home.mount || more.length > 0) {
  console.error(`xfs_growfs: ${mount ?? ''} is not a mounted XFS filesystem`);
  process.exitCode = 1;
} else {
  const { grown, blocks } = JSON.parse(await control(home, 'volume/grow'));
  console.log(grown ? `data blocks changed to ${blocks}` : 'data size unchanged, skipping');
}
