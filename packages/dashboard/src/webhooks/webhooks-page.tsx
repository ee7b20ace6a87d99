import { Loading } from '../components/loading.js';
import { Page } from '../components/page.js';

export function WebhooksPage() {
  return (
    <Page title="Webhooks">
      <Loading />
    </Page>
  );
}
