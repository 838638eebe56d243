/** What an attacker writes into whatever they can, each by what it tries. `command` is what must never run. */
export function hostileTexts(command: string): Record<string, string> {
  return {
    'a substitution': `$(${command})`,
    backticks: `\`${command}\``,
    'the end of a command': `; ${command} #`,
    'a pipe': `| ${command}`,
    quotes: `"'; ${command}; '"`,
    'a second line': `x\n${command}\n`,
    'a path that climbs': '../../../../etc/passwd',
    'a NUL byte': `x\u0000${command}`,
    'PHP code': `<?php system('${command}'); ?>`,
    'the end of a PHP string': `"'); system('${command}'); ?>//@x.test`,
    'PHP in braces': `{\${system('${command}')}}`,
    SQL: `'; copy (select 1) to program '${command}'; --`,
    'an option': '--force',
    'terminal escapes': `\u001b[2J\u001b]0;${command}\u0007\u202e`,
    '10 kB': 'A'.repeat(10_240),
    'a name of Object': '__proto__',
  };
}
