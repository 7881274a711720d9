import { Alert, Button, LoadingPlaceholder } from '@grafana/ui';
import React, { type ReactElement } from 'react';
import type { DataSource } from '../datasource';
import { labels } from '../labels';
import type { Schema } from '../schema';
import { useSchema } from './useSchema';

interface Props {
  datasource: DataSource;
  children: (schema: Schema) => ReactElement;
}

/** Shows an editor once the plugin has said what can be asked, and otherwise why it has not. */
export function SchemaGate({ datasource, children }: Props) {
  const { schema, error, retry } = useSchema(datasource);
  if (error !== undefined) {
    return (
      <Alert severity="error" title={labels.query.noSchema}>
        <p>{error}</p>
        <Button variant="secondary" size="sm" onClick={retry}>
          {labels.query.retry}
        </Button>
      </Alert>
    );
  }
  return schema ? children(schema) : <LoadingPlaceholder text={labels.query.loading} />;
}
