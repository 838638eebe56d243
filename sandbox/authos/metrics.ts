import type { Client } from 'pg';
import type { Counters } from './counters.js';

type Metric = (client: Client, counters: Counters) => Promise<unknown>;

/** The figures behind `/api/v1/monitoring/metrics/{name}`: of the database, and of the counters in the cache. */
export const metrics: Record<string, Metric> = {
  authentication: async (client) => {
    const today = await row(client, `
      select count(*)::int as total, count(*) filter (where success)::int as successful,
             count(*) filter (where success and method = 'mfa')::int as mfa
      from authentication_logs where created_at >= date_trunc('day', localtimestamp)`);
    const { rows: methods } = await client.query<{ method: string; count: number }>(
      "select method, count(*)::int as count from authentication_logs where created_at >= date_trunc('day', localtimestamp) group by method");
    const { rows: suspicious } = await client.query(`
      select ip_address, count(*)::int as attempts from failed_login_attempts
      where attempted_at > localtimestamp - interval '1 hour' group by ip_address having count(*) > 10 order by attempts desc limit 20`);
    const { rows: trend } = await client.query(`
      select to_char(created_at, 'YYYY-MM-DD') as date, count(*)::int as total, count(*) filter (where success)::int as successful
      from authentication_logs where created_at > localtimestamp - interval '7 days' group by 1 order by 1`);
    const total = number(today['total']);
    const successful = number(today['successful']);
    return {
      today: {
        total_attempts: total,
        successful,
        failed: total - successful,
        success_rate: percent(successful, total),
        mfa_used: number(today['mfa']),
      },
      methods_breakdown: Object.fromEntries(methods.map(({ method, count }) => [method, count])),
      suspicious_ips: suspicious,
      trend_7_days: trend,
    };
  },

  api: async (_, counters) => {
    const api = await counters.api();
    return {
      total_requests: api.requests,
      total_errors: api.errors,
      error_rate: percent(api.errors, api.requests),
      avg_response_time_ms: average(api.totalMs, api.requests),
      max_response_time_ms: api.maxMs,
      min_response_time_ms: api.minMs,
      status_codes: api.statusCodes,
      top_endpoints: Object.fromEntries(Object.entries(api.endpoints).sort(([, a], [, b]) => b - a).slice(0, 10)),
      updated_at: api.updatedAt,
    };
  },

  performance: async (_, counters) => {
    const [api, own] = await Promise.all([counters.api(), counters.performance()]);
    return {
      avg_response_time_ms: average(api.totalMs, api.requests),
      max_response_time_ms: api.maxMs,
      min_response_time_ms: api.minMs,
      avg_memory_usage_bytes: Math.round(average(api.memoryBytes, api.requests)),
      slow_queries_count: own.slowQueries,
      cache: { hits: own.cacheHits, misses: own.cacheMisses, hit_rate: percent(own.cacheHits, own.cacheHits + own.cacheMisses) },
    };
  },

  webhooks: async (client) => {
    const hooks = await row(client, `
      select count(*)::int as total, count(*) filter (where is_active)::int as active,
             count(*) filter (where consecutive_failures >= 5)::int as problematic from webhooks`);
    const today = await row(client, `
      select count(*)::int as deliveries, count(*) filter (where status = 'success')::int as successful,
             count(*) filter (where status = 'failed')::int as failed, coalesce(avg(response_time_ms), 0)::float as average
      from webhook_deliveries where created_at >= date_trunc('day', localtimestamp)`);
    const { rows: events } = await client.query<{ event_type: string; count: number }>(`
      select event_type, count(*)::int as count from webhook_deliveries where created_at >= date_trunc('day', localtimestamp) group by event_type`);
    return {
      total_webhooks: number(hooks['total']),
      active_webhooks: number(hooks['active']),
      deliveries_today: number(today['deliveries']),
      successful_deliveries: number(today['successful']),
      failed_deliveries: number(today['failed']),
      success_rate: percent(number(today['successful']), number(today['deliveries'])),
      avg_response_time_ms: number(today['average']),
      problematic_webhooks: number(hooks['problematic']),
      event_breakdown: Object.fromEntries(events.map(({ event_type, count }) => [event_type, count])),
    };
  },

  oauth: (client) => row(client, `
    select (select count(*) from oauth_clients)::int as total_clients,
           (select count(*) from oauth_clients where not revoked)::int as active_clients,
           (select count(*) from oauth_access_tokens where not revoked and expires_at > localtimestamp)::int as active_tokens,
           (select count(*) from oauth_access_tokens where created_at >= date_trunc('day', localtimestamp))::int as tokens_issued_today`),

  users: (client) => row(client, `
    select count(*)::int as total_users, count(*) filter (where created_at >= date_trunc('day', localtimestamp))::int as new_today from users`),

  organizations: (client) => row(client, 'select count(distinct organization_id)::int as total_organizations from users'),

  mfa: async (client) => {
    const users = await row(client, 'select count(*)::int as total, count(two_factor_confirmed_at)::int as enabled from users');
    return { total_users: users['total'], mfa_enabled: users['enabled'], adoption_rate: percent(number(users['enabled']), number(users['total'])) };
  },
};

async function row(client: Client, query: string): Promise<Record<string, unknown>> {
  return (await client.query<Record<string, unknown>>(query)).rows[0] ?? {};
}

function number(value: unknown): number {
  return Number(value ?? 0);
}

function average(sum: number, count: number): number {
  return count === 0 ? 0 : Math.round((sum * 100) / count) / 100;
}

/** 0 of nothing: a rate alone does not tell 'all failed' from 'nothing happened', and a reader must look at the counts. */
function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part * 10_000) / whole) / 100;
}
