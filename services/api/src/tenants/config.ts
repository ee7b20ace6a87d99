import type { Fields, Secret } from '@slipway/shared/config';

export interface TenantsConfig {
  /** Undefined: the process generates a token and prints it. */
  readonly apiToken: Secret | undefined;
  /** Path of the tenants file; undefined when tenants are managed over the API alone. */
  readonly tenantsFile: string | undefined;
  /** Default quota of Redis bytes per tenant. */
  readonly tenantStoredBytes: number;
}

const mebibyte = 1024 * 1024;

export function tenantsConfig(fields: Fields): TenantsConfig {
  return {
    apiToken: fields.optionalSecret('API_TOKEN', {
      doc: 'The bearer token that requests must carry',
      shownDefault: 'generated, printed once',
    }),
    tenantsFile: fields.optional('TENANTS_FILE', {
      doc: 'A YAML or JSON file of [tenants](../tenants.md#the-tenants-file) with limits, tokens and payload secrets. Read again when it changes',
    }),
    tenantStoredBytes: fields.int('TENANT_STORED_BYTES', {
      doc: 'Bytes of Redis for the records of a tenant whose [limits](../tenants.md#records) set none. Redis needs memory for a quarter more',
      default: 512 * mebibyte,
      min: mebibyte,
    }),
  };
}
