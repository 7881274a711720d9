import { css } from '@emotion/css';
import type { GrafanaTheme2, PanelData } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import { Fold } from './Fold';
import { Note } from './Note';

interface Props {
  id: string;
  refId: string;
  data?: PanelData;
}

/** The statements that answered the query, to be read and never to be written. */
export function ExecutedSql({ id, refId, data }: Props) {
  const styles = useStyles2(getStyles);
  const frames = data?.series.filter((frame) => !frame.refId || frame.refId === refId) ?? [];
  const sql = [...new Set(frames.flatMap(({ meta }) => meta?.executedQueryString ?? []))].join('\n\n');
  return (
    <Fold id={`${id}-sql`} label={labels.query.executed}>
      {sql ? (
        <pre className={styles.sql} aria-label={labels.query.executedLabel} role="region" tabIndex={0}>
          {sql}
        </pre>
      ) : (
        <Note>{labels.query.notExecuted}</Note>
      )}
    </Fold>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  sql: css({ maxHeight: theme.spacing(40), overflow: 'auto', fontSize: theme.typography.bodySmall.fontSize }),
});
