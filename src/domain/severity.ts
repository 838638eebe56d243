/** How bad it is, as RUNBOOKS.md grades its runbooks. */
export const severities = ['Critical', 'High', 'Medium'] as const;
export type Severity = (typeof severities)[number];
