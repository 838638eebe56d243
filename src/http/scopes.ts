import type { Scope } from '../domain/scope.js';

/** The least scope for each route of people, by method and pattern. docs/security.md shows it; a test compares the two. */
export const routeScopes: Readonly<Record<string, Exclude<Scope, 'alert'>>> = {
  'GET /api/incidents': 'read',
  'GET /api/incidents/:id': 'read',
  'GET /api/incidents/:id/report': 'read',
  'GET /api/mode': 'read',
  'GET /api/oncall': 'read',
  'GET /api/runbooks': 'read',
  'GET /api/silences': 'read',
  'GET /api/trial': 'read',
  'POST /api/route': 'read',
  'POST /api/incidents': 'act',
  'POST /api/incidents/:id/actions': 'act',
  'POST /api/doctor': 'act',
  'POST /api/silences': 'act',
  'DELETE /api/silences/:id': 'act',
  'PUT /api/mode': 'admin',
  'POST /codec/decode': 'admin',
  'POST /codec/encode': 'admin',
};

/** The scope that a request needs. A route that the table has forgotten is for the most trusted alone. */
export function scopeOf({ method, url }: { method: string; url: string | undefined }): Exclude<Scope, 'alert'> {
  return routeScopes[`${method === 'HEAD' ? 'GET' : method} ${url ?? ''}`] ?? 'admin';
}
