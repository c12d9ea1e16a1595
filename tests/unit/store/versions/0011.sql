-- A database of schema 11 as it was released; never edited.
PRAGMA application_id = 1178878795;
PRAGMA user_version = 11;
BEGIN TRANSACTION;
CREATE TABLE attempt (
        id TEXT NOT NULL PRIMARY KEY,
        step_id TEXT NOT NULL REFERENCES step(id),
        run_id TEXT NOT NULL REFERENCES run(id),
        number INTEGER NOT NULL,
        state TEXT NOT NULL,
        output_path TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        
    usage_input INTEGER NOT NULL DEFAULT 0,
    usage_cached_input INTEGER NOT NULL DEFAULT 0,
    usage_output INTEGER NOT NULL DEFAULT 0,
    usage_reasoning INTEGER NOT NULL DEFAULT 0,

        failure TEXT, continues INTEGER NOT NULL DEFAULT 0,
        UNIQUE (step_id, number)
    );
CREATE TABLE attention (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        transition_id INTEGER NOT NULL,
        seen_at INTEGER
    );
INSERT INTO "attention" VALUES(1,2,NULL);
CREATE TABLE audit (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        action TEXT NOT NULL,
        resource TEXT NOT NULL,
        resource_id TEXT NOT NULL,
        severity TEXT NOT NULL CHECK (severity IN ('INFO', 'WARNING', 'ERROR', 'CRITICAL')),
        actor TEXT NOT NULL,
        trace_id TEXT NOT NULL,
        hash TEXT NOT NULL,
        description TEXT NOT NULL,
        "before" TEXT NOT NULL,
        "after" TEXT NOT NULL
    );
CREATE TABLE chat_message (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        conversation_id TEXT NOT NULL REFERENCES conversation(id),
        role TEXT NOT NULL,
        state TEXT NOT NULL,
        at INTEGER NOT NULL,
        model TEXT NOT NULL,
        usage_input INTEGER NOT NULL DEFAULT 0,
usage_cached_input INTEGER NOT NULL DEFAULT 0,
usage_output INTEGER NOT NULL DEFAULT 0,
usage_reasoning INTEGER NOT NULL DEFAULT 0,

        tool TEXT NOT NULL,
        call_id TEXT NOT NULL,
        duration REAL,
        turn_id TEXT,
        arguments TEXT NOT NULL,
        content TEXT NOT NULL
    );
CREATE TABLE conversation (
        id TEXT NOT NULL PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES project(id),
        run_id TEXT REFERENCES run(id),
        agent TEXT NOT NULL,
        mode TEXT NOT NULL,
        thread_id TEXT,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        usage_input INTEGER NOT NULL DEFAULT 0,
usage_cached_input INTEGER NOT NULL DEFAULT 0,
usage_output INTEGER NOT NULL DEFAULT 0,
usage_reasoning INTEGER NOT NULL DEFAULT 0,

        title TEXT NOT NULL
    );
CREATE TABLE delivery (
        id TEXT NOT NULL PRIMARY KEY,
        notification_id TEXT NOT NULL REFERENCES notification(id),
        channel TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        next_at INTEGER,
        error TEXT NOT NULL
    );
CREATE TABLE execution (
        id TEXT NOT NULL PRIMARY KEY REFERENCES run(id),
        task_id TEXT NOT NULL REFERENCES task(id),
        created_at INTEGER NOT NULL,
        due_at INTEGER,
        counted TEXT NOT NULL,
        report_format TEXT,
        notify TEXT,
        reported_at INTEGER,
        warnings TEXT NOT NULL,
        variables TEXT NOT NULL
    );
CREATE TABLE fire (
        id TEXT NOT NULL PRIMARY KEY,
        task_id TEXT NOT NULL REFERENCES task(id),
        due_at INTEGER NOT NULL,
        at INTEGER NOT NULL,
        state TEXT NOT NULL,
        run_id TEXT REFERENCES run(id),
        reason TEXT NOT NULL
    );
CREATE TABLE follow_up (
        id TEXT NOT NULL PRIMARY KEY,
        run_id TEXT NOT NULL REFERENCES run(id),
        created_at INTEGER NOT NULL,
        delivered_at INTEGER,
        job_id TEXT REFERENCES job(id),
        prompt TEXT NOT NULL
    );
CREATE TABLE job (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        state TEXT NOT NULL,
        run_id TEXT REFERENCES run(id),
        step_id TEXT REFERENCES step(id),
        attempt INTEGER NOT NULL,
        timeout REAL NOT NULL,
        workspace TEXT NOT NULL,
        output_path TEXT NOT NULL,
        thread_id TEXT,
        turn_id TEXT,
        model TEXT NOT NULL,
        exit_code INTEGER,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        queued_at INTEGER,
        started_at INTEGER,
        ended_at INTEGER,
        
    usage_input INTEGER NOT NULL DEFAULT 0,
    usage_cached_input INTEGER NOT NULL DEFAULT 0,
    usage_output INTEGER NOT NULL DEFAULT 0,
    usage_reasoning INTEGER NOT NULL DEFAULT 0,

        failure TEXT,
        files_changed TEXT NOT NULL,
        message TEXT NOT NULL,
        prompt TEXT NOT NULL
    , key TEXT NOT NULL DEFAULT '', cpu_seconds REAL, peak_memory INTEGER);
CREATE TABLE job_order (
        id TEXT NOT NULL PRIMARY KEY REFERENCES job(id),
        project_id TEXT NOT NULL REFERENCES project(id),
        priority TEXT NOT NULL,
        created_by TEXT NOT NULL,
        max_retries INTEGER NOT NULL,
        retry_count INTEGER NOT NULL,
        auto_retry INTEGER NOT NULL,
        merge_stderr INTEGER NOT NULL,
        parent_id TEXT REFERENCES job(id),
        batch_index INTEGER,
        progress REAL NOT NULL,
        trace_id TEXT NOT NULL,
        progress_message TEXT NOT NULL,
        input_file TEXT NOT NULL,
        output_file TEXT NOT NULL,
        description TEXT NOT NULL,
        words TEXT NOT NULL,
        environment TEXT NOT NULL,
        metadata TEXT NOT NULL,
        input_data TEXT NOT NULL,
        children INTEGER,
        stop_after INTEGER,
        cancel_reason TEXT NOT NULL,
        sandbox TEXT,
        memory INTEGER,
        output_removed_at INTEGER
    );
CREATE TABLE job_queue (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        paused_at INTEGER,
        job_limit INTEGER
    );
INSERT INTO "job_queue" VALUES(1,NULL,NULL);
CREATE TABLE message (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        run_id TEXT NOT NULL REFERENCES run(id),
        step_id TEXT NOT NULL REFERENCES step(id),
        attempt INTEGER NOT NULL,
        position INTEGER NOT NULL,
        role TEXT NOT NULL,
        at INTEGER NOT NULL,
        model TEXT NOT NULL,
        
    usage_input INTEGER NOT NULL DEFAULT 0,
    usage_cached_input INTEGER NOT NULL DEFAULT 0,
    usage_output INTEGER NOT NULL DEFAULT 0,
    usage_reasoning INTEGER NOT NULL DEFAULT 0,

        tool TEXT NOT NULL,
        call_id TEXT NOT NULL,
        duration REAL,
        complete INTEGER NOT NULL,
        arguments TEXT NOT NULL,
        content TEXT NOT NULL,
        UNIQUE (step_id, position)
    );
CREATE TABLE model_usage (
        owner TEXT NOT NULL,
        model TEXT NOT NULL,
        
    usage_input INTEGER NOT NULL DEFAULT 0,
    usage_cached_input INTEGER NOT NULL DEFAULT 0,
    usage_output INTEGER NOT NULL DEFAULT 0,
    usage_reasoning INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (owner, model)
    ) WITHOUT ROWID
    ;
CREATE TABLE notification (
        id TEXT NOT NULL PRIMARY KEY,
        transition_id INTEGER,
        run_id TEXT REFERENCES run(id),
        cause TEXT NOT NULL,
        at INTEGER NOT NULL,
        title TEXT NOT NULL,
        text TEXT NOT NULL,
        fire_id TEXT REFERENCES fire(id),
        CHECK ((fire_id IS NULL) = (run_id IS NOT NULL AND transition_id IS NOT NULL))
    );
CREATE TABLE project (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        workspace TEXT NOT NULL UNIQUE,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        archived_at INTEGER,
        settings TEXT NOT NULL,
        description TEXT NOT NULL
    );
INSERT INTO "project" VALUES('abc100000000','kept','/tmp/workspaces/abc100000000',1743299999123457,1743299999123457,NULL,'{"model":null,"sandbox":null,"mode":null}','');
CREATE TABLE project_file (
        id TEXT NOT NULL PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES project(id),
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        size INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        uploaded_at INTEGER NOT NULL,
        placed INTEGER NOT NULL,
        metadata TEXT NOT NULL,
        UNIQUE (project_id, name)
    );
CREATE TABLE project_total (archived INTEGER PRIMARY KEY, total INTEGER NOT NULL);
INSERT INTO "project_total" VALUES(0,1);
INSERT INTO "project_total" VALUES(1,0);
CREATE TABLE prompt_edit (
        id TEXT NOT NULL PRIMARY KEY,
        run_id TEXT NOT NULL REFERENCES run(id),
        step_id TEXT NOT NULL REFERENCES step(id),
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        original TEXT NOT NULL,
        text TEXT NOT NULL
    );
CREATE TABLE question (
        id TEXT NOT NULL PRIMARY KEY,
        run_id TEXT REFERENCES run(id),
        step_id TEXT REFERENCES step(id),
        attempt INTEGER NOT NULL,
        job_id TEXT REFERENCES job(id),
        key TEXT NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        asked_at INTEGER NOT NULL,
        answered_at INTEGER,
        answered_by TEXT NOT NULL,
        place TEXT NOT NULL,
        title TEXT NOT NULL,
        reason TEXT NOT NULL,
        choices TEXT NOT NULL,
        answer TEXT NOT NULL,
        comment TEXT NOT NULL,
        details TEXT NOT NULL
    );
CREATE TABLE report (
        id TEXT NOT NULL PRIMARY KEY,
        run_id TEXT NOT NULL REFERENCES run(id),
        format TEXT NOT NULL,
        automatic INTEGER NOT NULL,
        size INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        path TEXT NOT NULL,
        title TEXT NOT NULL
    );
CREATE TABLE run (
        id TEXT NOT NULL PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES project(id),
        workflow TEXT NOT NULL,
        title TEXT NOT NULL,
        "trigger" TEXT NOT NULL,
        mode TEXT NOT NULL,
        state TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        started_at INTEGER,
        ended_at INTEGER,
        current_stage TEXT NOT NULL,
        parent_run_id TEXT REFERENCES run(id),
        
    usage_input INTEGER NOT NULL DEFAULT 0,
    usage_cached_input INTEGER NOT NULL DEFAULT 0,
    usage_output INTEGER NOT NULL DEFAULT 0,
    usage_reasoning INTEGER NOT NULL DEFAULT 0,

        error TEXT NOT NULL,
        summary TEXT NOT NULL,
        request TEXT NOT NULL,
        definition TEXT NOT NULL
    , paused_at INTEGER, budget_tokens INTEGER, budget_cost REAL, warned TEXT NOT NULL DEFAULT '[]', output_removed_at INTEGER);
INSERT INTO "run" VALUES('run100000000','abc100000000','four-agents','Keep me','manual','direct','created',1743299999123457,NULL,NULL,'',NULL,0,0,0,0,'','','Build a thing','{}',NULL,NULL,NULL,'[]',NULL);
CREATE TABLE run_total (
        project_id TEXT NOT NULL,
        state TEXT NOT NULL,
        total INTEGER NOT NULL,
        PRIMARY KEY (project_id, state)
    ) WITHOUT ROWID
    ;
INSERT INTO "run_total" VALUES('','created',1);
INSERT INTO "run_total" VALUES('abc100000000','created',1);
CREATE TABLE scheduler (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        paused_at INTEGER
    );
INSERT INTO "scheduler" VALUES(1,NULL);
CREATE TABLE session_item (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL,
        item TEXT NOT NULL
    );
CREATE TABLE step (
        id TEXT NOT NULL PRIMARY KEY,
        run_id TEXT NOT NULL REFERENCES run(id),
        key TEXT NOT NULL,
        spec_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        needs TEXT NOT NULL,
        critical INTEGER NOT NULL,
        state TEXT NOT NULL,
        round INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        max_attempts INTEGER NOT NULL,
        retry_at INTEGER,
        reason TEXT NOT NULL,
        started_at INTEGER,
        ended_at INTEGER,
        
    usage_input INTEGER NOT NULL DEFAULT 0,
    usage_cached_input INTEGER NOT NULL DEFAULT 0,
    usage_output INTEGER NOT NULL DEFAULT 0,
    usage_reasoning INTEGER NOT NULL DEFAULT 0,

        failure TEXT,
        verdict TEXT,
        summary TEXT NOT NULL, skip_cause TEXT NOT NULL DEFAULT '', over_budget INTEGER NOT NULL DEFAULT 0,
        UNIQUE (run_id, key)
    );
INSERT INTO "step" VALUES('step10000000','run100000000','planner','planner',0,'agent','Planner','[]',1,'pending',1,0,1,NULL,'',NULL,NULL,0,0,0,0,NULL,NULL,'','',0);
CREATE TABLE task (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        project_id TEXT NOT NULL REFERENCES project(id),
        workflow TEXT NOT NULL,
        active INTEGER NOT NULL,
        public INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        deleted_at INTEGER,
        last_executed_at INTEGER,
        next_at INTEGER,
        executions INTEGER NOT NULL,
        successes INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        report INTEGER NOT NULL,
        report_format TEXT NOT NULL,
        tags TEXT NOT NULL,
        notify TEXT,
        schedule TEXT,
        options TEXT NOT NULL,
        allowed_tools TEXT,
        disallowed_tools TEXT NOT NULL,
        directory TEXT NOT NULL,
        variables TEXT NOT NULL,
        metadata TEXT NOT NULL,
        description TEXT NOT NULL,
        prompt TEXT NOT NULL
    );
CREATE TABLE transition (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        entity TEXT NOT NULL,
        entity_id TEXT NOT NULL,
        run_id TEXT REFERENCES run(id),
        old TEXT NOT NULL,
        new TEXT NOT NULL,
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        reason TEXT NOT NULL
    );
INSERT INTO "transition" VALUES(1,'run','run100000000','run100000000','','created',1795245199392451,'host','');
INSERT INTO "transition" VALUES(2,'step','step10000000','run100000000','','pending',1795245199394888,'host','');
CREATE TABLE trusted_workflow (
        project_id TEXT NOT NULL REFERENCES project(id),
        sha256 TEXT NOT NULL,
        path TEXT NOT NULL,
        trusted_at INTEGER NOT NULL,
        PRIMARY KEY (project_id, sha256)
    ) WITHOUT ROWID
;
CREATE TABLE usage_total (
        id INTEGER PRIMARY KEY,
        input INTEGER NOT NULL,
        cached_input INTEGER NOT NULL,
        output INTEGER NOT NULL,
        reasoning INTEGER NOT NULL
    );
INSERT INTO "usage_total" VALUES(1,0,0,0,0);
CREATE INDEX project_newest ON project (created_at, id);
CREATE INDEX project_listed ON project ((archived_at IS NOT NULL), created_at, id);
CREATE INDEX project_name ON project (name);
CREATE INDEX run_newest ON run (created_at, id);
CREATE INDEX run_of_project ON run (project_id, created_at, id);
CREATE INDEX run_in_state ON run (state, created_at, id);
CREATE INDEX run_of_project_in_state ON run (project_id, state, created_at, id);
CREATE INDEX run_of_parent ON run (parent_run_id) WHERE parent_run_id IS NOT NULL;
CREATE INDEX step_of_run ON step (run_id, position);
CREATE INDEX step_of_run_in_state ON step (run_id, state);
CREATE INDEX attempt_of_run ON attempt (run_id);
CREATE INDEX job_of_run ON job (run_id, created_at);
CREATE INDEX job_of_step ON job (step_id, created_at);
CREATE INDEX job_in_state ON job (state, created_at);
CREATE INDEX message_of_run ON message (run_id);
CREATE INDEX session_item_of_session ON session_item (session_id);
CREATE INDEX transition_of_run ON transition (run_id);
CREATE INDEX transition_of_entity ON transition (entity_id);
CREATE TRIGGER run_counted AFTER INSERT ON run BEGIN
        
    INSERT INTO run_total (project_id, state, total)
    VALUES (NEW.project_id, NEW.state, 1), ('', NEW.state, 1)
    ON CONFLICT (project_id, state) DO UPDATE SET total = total + 1;
 UPDATE usage_total SET input = input + NEW.usage_input, cached_input = cached_input + NEW.usage_cached_input, output = output + NEW.usage_output, reasoning = reasoning + NEW.usage_reasoning WHERE id = 1;
    END;
CREATE TRIGGER run_recounted AFTER UPDATE OF state, project_id ON run BEGIN
        
    UPDATE run_total SET total = total - 1
    WHERE project_id IN (OLD.project_id, '') AND state = OLD.state;
 
    INSERT INTO run_total (project_id, state, total)
    VALUES (NEW.project_id, NEW.state, 1), ('', NEW.state, 1)
    ON CONFLICT (project_id, state) DO UPDATE SET total = total + 1;

    END;
CREATE TRIGGER run_usage_counted AFTER UPDATE OF usage_input, usage_cached_input, usage_output, usage_reasoning ON run BEGIN
        UPDATE usage_total SET input = input + NEW.usage_input - OLD.usage_input, cached_input = cached_input + NEW.usage_cached_input - OLD.usage_cached_input, output = output + NEW.usage_output - OLD.usage_output, reasoning = reasoning + NEW.usage_reasoning - OLD.usage_reasoning WHERE id = 1;
    END;
CREATE TRIGGER run_kept BEFORE DELETE ON run BEGIN
        SELECT RAISE(ABORT, 'runs are never deleted');
    END;
CREATE TRIGGER project_counted AFTER INSERT ON project BEGIN
        UPDATE project_total SET total = total + 1 WHERE archived = (NEW.archived_at IS NOT NULL);
    END;
CREATE TRIGGER project_recounted AFTER UPDATE OF archived_at ON project BEGIN
        UPDATE project_total SET total = total - 1 WHERE archived = (OLD.archived_at IS NOT NULL);
        UPDATE project_total SET total = total + 1 WHERE archived = (NEW.archived_at IS NOT NULL);
    END;
CREATE TRIGGER project_kept BEFORE DELETE ON project BEGIN
        SELECT RAISE(ABORT, 'projects are archived, never deleted');
    END;
CREATE TRIGGER transition_unchanged BEFORE UPDATE ON transition BEGIN
        SELECT RAISE(ABORT, 'history is never changed');
    END;
CREATE TRIGGER transition_kept BEFORE DELETE ON transition BEGIN
        SELECT RAISE(ABORT, 'history is never deleted');
    END;
CREATE TRIGGER job_usage_counted AFTER INSERT ON job WHEN (NEW.run_id IS NOT NULL AND (NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning) <> (0, 0, 0, 0)) BEGIN
            
        UPDATE step SET usage_input = usage_input + NEW.usage_input, usage_cached_input = usage_cached_input + NEW.usage_cached_input, usage_output = usage_output + NEW.usage_output, usage_reasoning = usage_reasoning + NEW.usage_reasoning WHERE id = NEW.step_id;
        UPDATE run SET usage_input = usage_input + NEW.usage_input, usage_cached_input = usage_cached_input + NEW.usage_cached_input, usage_output = usage_output + NEW.usage_output, usage_reasoning = usage_reasoning + NEW.usage_reasoning WHERE id = NEW.run_id;
     
        INSERT INTO model_usage (owner, model, usage_input, usage_cached_input, usage_output, usage_reasoning)
        VALUES (NEW.run_id, NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning),
            ((SELECT project_id FROM run WHERE id = NEW.run_id), NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning),
            ('', NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning)
        ON CONFLICT (owner, model) DO UPDATE SET usage_input = usage_input + excluded.usage_input, usage_cached_input = usage_cached_input + excluded.usage_cached_input, usage_output = usage_output + excluded.usage_output, usage_reasoning = usage_reasoning + excluded.usage_reasoning;
    
        END;
CREATE TRIGGER job_usage_recounted AFTER UPDATE OF model, usage_input, usage_cached_input, usage_output, usage_reasoning ON job
        WHEN (OLD.run_id IS NOT NULL AND (OLD.usage_input, OLD.usage_cached_input, OLD.usage_output, OLD.usage_reasoning) <> (0, 0, 0, 0)) OR (NEW.run_id IS NOT NULL AND (NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning) <> (0, 0, 0, 0)) BEGIN
            
        UPDATE step SET usage_input = usage_input + NEW.usage_input - OLD.usage_input, usage_cached_input = usage_cached_input + NEW.usage_cached_input - OLD.usage_cached_input, usage_output = usage_output + NEW.usage_output - OLD.usage_output, usage_reasoning = usage_reasoning + NEW.usage_reasoning - OLD.usage_reasoning WHERE id = NEW.step_id;
        UPDATE run SET usage_input = usage_input + NEW.usage_input - OLD.usage_input, usage_cached_input = usage_cached_input + NEW.usage_cached_input - OLD.usage_cached_input, usage_output = usage_output + NEW.usage_output - OLD.usage_output, usage_reasoning = usage_reasoning + NEW.usage_reasoning - OLD.usage_reasoning WHERE id = NEW.run_id;
     
        UPDATE model_usage SET usage_input = usage_input - OLD.usage_input, usage_cached_input = usage_cached_input - OLD.usage_cached_input, usage_output = usage_output - OLD.usage_output, usage_reasoning = usage_reasoning - OLD.usage_reasoning
        WHERE owner IN (OLD.run_id, (SELECT project_id FROM run WHERE id = OLD.run_id), '') AND model = OLD.model;
     
        INSERT INTO model_usage (owner, model, usage_input, usage_cached_input, usage_output, usage_reasoning)
        VALUES (NEW.run_id, NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning),
            ((SELECT project_id FROM run WHERE id = NEW.run_id), NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning),
            ('', NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning)
        ON CONFLICT (owner, model) DO UPDATE SET usage_input = usage_input + excluded.usage_input, usage_cached_input = usage_cached_input + excluded.usage_cached_input, usage_output = usage_output + excluded.usage_output, usage_reasoning = usage_reasoning + excluded.usage_reasoning;
    
        END;
CREATE TRIGGER message_usage_counted AFTER INSERT ON message WHEN (NEW.run_id IS NOT NULL AND (NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning) <> (0, 0, 0, 0)) BEGIN
            
        UPDATE step SET usage_input = usage_input + NEW.usage_input, usage_cached_input = usage_cached_input + NEW.usage_cached_input, usage_output = usage_output + NEW.usage_output, usage_reasoning = usage_reasoning + NEW.usage_reasoning WHERE id = NEW.step_id;
        UPDATE run SET usage_input = usage_input + NEW.usage_input, usage_cached_input = usage_cached_input + NEW.usage_cached_input, usage_output = usage_output + NEW.usage_output, usage_reasoning = usage_reasoning + NEW.usage_reasoning WHERE id = NEW.run_id;
     
        INSERT INTO model_usage (owner, model, usage_input, usage_cached_input, usage_output, usage_reasoning)
        VALUES (NEW.run_id, NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning),
            ((SELECT project_id FROM run WHERE id = NEW.run_id), NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning),
            ('', NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning)
        ON CONFLICT (owner, model) DO UPDATE SET usage_input = usage_input + excluded.usage_input, usage_cached_input = usage_cached_input + excluded.usage_cached_input, usage_output = usage_output + excluded.usage_output, usage_reasoning = usage_reasoning + excluded.usage_reasoning;
    
        END;
CREATE TRIGGER message_usage_recounted AFTER UPDATE OF model, usage_input, usage_cached_input, usage_output, usage_reasoning ON message
        WHEN (OLD.run_id IS NOT NULL AND (OLD.usage_input, OLD.usage_cached_input, OLD.usage_output, OLD.usage_reasoning) <> (0, 0, 0, 0)) OR (NEW.run_id IS NOT NULL AND (NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning) <> (0, 0, 0, 0)) BEGIN
            
        UPDATE step SET usage_input = usage_input + NEW.usage_input - OLD.usage_input, usage_cached_input = usage_cached_input + NEW.usage_cached_input - OLD.usage_cached_input, usage_output = usage_output + NEW.usage_output - OLD.usage_output, usage_reasoning = usage_reasoning + NEW.usage_reasoning - OLD.usage_reasoning WHERE id = NEW.step_id;
        UPDATE run SET usage_input = usage_input + NEW.usage_input - OLD.usage_input, usage_cached_input = usage_cached_input + NEW.usage_cached_input - OLD.usage_cached_input, usage_output = usage_output + NEW.usage_output - OLD.usage_output, usage_reasoning = usage_reasoning + NEW.usage_reasoning - OLD.usage_reasoning WHERE id = NEW.run_id;
     
        UPDATE model_usage SET usage_input = usage_input - OLD.usage_input, usage_cached_input = usage_cached_input - OLD.usage_cached_input, usage_output = usage_output - OLD.usage_output, usage_reasoning = usage_reasoning - OLD.usage_reasoning
        WHERE owner IN (OLD.run_id, (SELECT project_id FROM run WHERE id = OLD.run_id), '') AND model = OLD.model;
     
        INSERT INTO model_usage (owner, model, usage_input, usage_cached_input, usage_output, usage_reasoning)
        VALUES (NEW.run_id, NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning),
            ((SELECT project_id FROM run WHERE id = NEW.run_id), NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning),
            ('', NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning)
        ON CONFLICT (owner, model) DO UPDATE SET usage_input = usage_input + excluded.usage_input, usage_cached_input = usage_cached_input + excluded.usage_cached_input, usage_output = usage_output + excluded.usage_output, usage_reasoning = usage_reasoning + excluded.usage_reasoning;
    
        END;
CREATE UNIQUE INDEX job_by_key ON job (step_id, attempt, key) WHERE key <> '';
CREATE INDEX job_by_thread ON job (thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX message_by_call ON message (step_id, attempt, role, call_id)
    WHERE call_id <> ''
    ;
CREATE UNIQUE INDEX question_of_attempt
        ON question (coalesce(step_id, ''), attempt, key)
    ;
CREATE INDEX question_of_run ON question (run_id, asked_at);
CREATE INDEX question_open ON question (asked_at) WHERE state = 'open';
CREATE INDEX question_open_of_run ON question (run_id) WHERE state = 'open';
CREATE INDEX follow_up_of_run ON follow_up (run_id, created_at);
CREATE INDEX prompt_edit_of_step ON prompt_edit (step_id, at);
CREATE TRIGGER prompt_edit_unchanged BEFORE UPDATE ON prompt_edit BEGIN
        SELECT RAISE(ABORT, 'an edited prompt is never changed');
    END;
CREATE TRIGGER prompt_edit_kept BEFORE DELETE ON prompt_edit BEGIN
        SELECT RAISE(ABORT, 'an edited prompt is never deleted');
    END;
CREATE INDEX conversation_of_project ON conversation (project_id, updated_at);
CREATE INDEX conversation_of_run ON conversation (run_id, updated_at);
CREATE INDEX conversation_latest ON conversation (updated_at, id);
CREATE INDEX chat_message_of_conversation ON chat_message (conversation_id);
CREATE INDEX chat_message_growing ON chat_message (state) WHERE state = 'growing';
CREATE TRIGGER chat_usage_counted AFTER INSERT ON chat_message WHEN (NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning) <> (0, 0, 0, 0) BEGIN
        
        UPDATE conversation SET usage_input = usage_input + NEW.usage_input, usage_cached_input = usage_cached_input + NEW.usage_cached_input, usage_output = usage_output + NEW.usage_output, usage_reasoning = usage_reasoning + NEW.usage_reasoning WHERE id = NEW.conversation_id;
        UPDATE usage_total SET input = input + NEW.usage_input, cached_input = cached_input + NEW.usage_cached_input, output = output + NEW.usage_output, reasoning = reasoning + NEW.usage_reasoning WHERE id = 1;
        INSERT INTO model_usage (owner, model, usage_input, usage_cached_input, usage_output, usage_reasoning)
        VALUES ((SELECT project_id FROM conversation WHERE id = NEW.conversation_id), NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning),
            ('', NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning)
        ON CONFLICT (owner, model) DO UPDATE SET usage_input = usage_input + excluded.usage_input, usage_cached_input = usage_cached_input + excluded.usage_cached_input, usage_output = usage_output + excluded.usage_output, usage_reasoning = usage_reasoning + excluded.usage_reasoning;
    
    END;
CREATE TRIGGER chat_usage_recounted AFTER UPDATE OF model, usage_input, usage_cached_input, usage_output, usage_reasoning ON chat_message
    WHEN (OLD.usage_input, OLD.usage_cached_input, OLD.usage_output, OLD.usage_reasoning) <> (0, 0, 0, 0) OR (NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning) <> (0, 0, 0, 0) BEGIN
        
        UPDATE conversation SET usage_input = usage_input - OLD.usage_input, usage_cached_input = usage_cached_input - OLD.usage_cached_input, usage_output = usage_output - OLD.usage_output, usage_reasoning = usage_reasoning - OLD.usage_reasoning WHERE id = OLD.conversation_id;
        UPDATE usage_total SET input = input - OLD.usage_input, cached_input = cached_input - OLD.usage_cached_input, output = output - OLD.usage_output, reasoning = reasoning - OLD.usage_reasoning WHERE id = 1;
        UPDATE model_usage SET usage_input = usage_input - OLD.usage_input, usage_cached_input = usage_cached_input - OLD.usage_cached_input, usage_output = usage_output - OLD.usage_output, usage_reasoning = usage_reasoning - OLD.usage_reasoning
        WHERE owner IN ((SELECT project_id FROM conversation WHERE id = OLD.conversation_id), '') AND model = OLD.model;
     
        UPDATE conversation SET usage_input = usage_input + NEW.usage_input, usage_cached_input = usage_cached_input + NEW.usage_cached_input, usage_output = usage_output + NEW.usage_output, usage_reasoning = usage_reasoning + NEW.usage_reasoning WHERE id = NEW.conversation_id;
        UPDATE usage_total SET input = input + NEW.usage_input, cached_input = cached_input + NEW.usage_cached_input, output = output + NEW.usage_output, reasoning = reasoning + NEW.usage_reasoning WHERE id = 1;
        INSERT INTO model_usage (owner, model, usage_input, usage_cached_input, usage_output, usage_reasoning)
        VALUES ((SELECT project_id FROM conversation WHERE id = NEW.conversation_id), NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning),
            ('', NEW.model, NEW.usage_input, NEW.usage_cached_input, NEW.usage_output, NEW.usage_reasoning)
        ON CONFLICT (owner, model) DO UPDATE SET usage_input = usage_input + excluded.usage_input, usage_cached_input = usage_cached_input + excluded.usage_cached_input, usage_output = usage_output + excluded.usage_output, usage_reasoning = usage_reasoning + excluded.usage_reasoning;
    
    END;
CREATE TRIGGER audit_appended BEFORE INSERT ON audit
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit) BEGIN
        SELECT RAISE(ABORT, 'the audit trail is only added to at its end');
    END;
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN
        SELECT RAISE(ABORT, 'the audit trail is never changed');
    END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN
        SELECT RAISE(ABORT, 'the audit trail is never deleted');
    END;
CREATE INDEX project_file_newest ON project_file (project_id, uploaded_at DESC, id DESC);
CREATE INDEX project_file_by_content ON project_file (sha256);
CREATE INDEX project_file_unplaced ON project_file (id) WHERE placed = 0;
CREATE INDEX job_newest ON job (created_at, id);
CREATE INDEX job_order_of_project ON job_order (project_id);
CREATE INDEX job_order_of_parent ON job_order (parent_id, batch_index) WHERE parent_id IS NOT NULL;
CREATE INDEX job_order_with_output ON job_order (id) WHERE output_removed_at IS NULL AND children IS NULL;
CREATE INDEX job_alone_in_state ON job (state, queued_at) WHERE run_id IS NULL;
CREATE INDEX job_alone_by_name ON job (name, ended_at) WHERE run_id IS NULL;
CREATE UNIQUE INDEX task_name ON task (name) WHERE deleted_at IS NULL;
CREATE INDEX task_due ON task (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX execution_of_task ON execution (task_id, created_at);
CREATE UNIQUE INDEX fire_of_task ON fire (task_id, due_at);
CREATE INDEX fire_queued ON fire (due_at) WHERE state = 'queued';
CREATE INDEX fire_by_time ON fire (at);
CREATE INDEX report_of_run ON report (run_id, created_at);
CREATE INDEX report_by_time ON report (created_at);
CREATE UNIQUE INDEX notification_of_transition ON notification (transition_id);
CREATE UNIQUE INDEX notification_of_fire ON notification (fire_id) WHERE fire_id IS NOT NULL;
CREATE INDEX notification_by_time ON notification (at);
CREATE INDEX delivery_pending ON delivery (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_of_notification ON delivery (notification_id);
CREATE INDEX run_by_end ON run (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX notification_of_run ON notification (run_id, transition_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('transition',2);
COMMIT;
