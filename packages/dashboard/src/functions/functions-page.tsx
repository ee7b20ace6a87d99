import { Loading } from '../components/loading.js';
import { Page } from '../components/page.js';

export function FunctionsPage() {
  return (
    <Page title="Functions">
      <Loading />
    </Page>
  );
}
