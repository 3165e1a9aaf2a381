//! The control socket: what the operator asks of the running daemon. Same codec, a unix socket, root only.

mod manifest;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use vdsm_core::catalogue;
use vdsm_core::descriptor::ArgumentPath;
use vdsm_core::errors::Code;
use vdsm_core::jobs::Engine;
use vdsm_core::status::Status;
use vdsm_core::store::StoreError;
use vdsm_core::tree::{Tree, TreeBuilder};
use vdsm_modules::manifest::Kind;
use vdsm_modules::module::Module;
use vdsm_modules::proof::Proof;
use vdsm_modules::registry::{ChangeError, Registry};
use vdsm_xmlrpc::{Caller, Fault, MethodCall, Reply, Service};

use super::dispatch::{Dispatch, refuse};

/// Answers the operator.
pub(super) struct Control {
    registry: Arc<Registry>,
    engine: Arc<Engine>,
    dispatch: Arc<Dispatch>,
    owner: u32,
}

impl Control {
    /// Answers callers with uid 0 or the daemon's own.
    pub(super) fn new(registry: Arc<Registry>, engine: Arc<Engine>, dispatch: Arc<Dispatch>) -> Control {
        Control { registry, engine, dispatch, owner: rustix::process::geteuid().as_raw() }
    }

    async fn answer(&self, call: MethodCall, by: &str) -> Result<Tree, Status> {
        let arguments = call.arguments.root();
        let text = |index| {
            arguments.item(index).and_then(|value| value.as_text()).ok_or_else(|| Code::Unexpected.with("a text argument is missing"))
        };
        let bytes =
            |index| arguments.item(index).and_then(|value| value.as_bytes()).ok_or_else(|| Code::Unexpected.with("a component is missing"));
        match call.method.as_str() {
            "module.list" => Ok(self.list()),
            "module.show" => self.show(text(0)?),
            "module.check" => {
                let (manifest, proof) = self.registry.check(&PathBuf::from(text(0)?), bytes(1)?.to_vec()).await.map_err(status)?;
                Ok(Tree::object(|builder| {
                    builder.text_at("name", &manifest.name);
                    manifest::declares_at(builder, &manifest);
                    proof_at(builder, &proof);
                }))
            }
            "module.swap" => self.registry.swap(text(0)?, bytes(1)?, by).await.map(|module| active(&module)).map_err(status),
            "module.rollback" => self.registry.rollback(text(0)?, by).await.map(|module| active(&module)).map_err(status),
            "module.unpin" => self.registry.unpin(text(0)?, by).await.map(|module| active(&module)).map_err(status),
            "hook.show" => Ok(self.chains(text(0)?)),
            "verb.list" => Ok(self.verbs()),
            "job.list" => self.jobs(),
            other => Err(Code::NotImplemented.with(format!("the control socket knows no `{other}`"))),
        }
    }

    fn list(&self) -> Tree {
        let generation = self.registry.current();
        Tree::object(|builder| {
            builder.array_at("modules", |builder| {
                for module in generation.modules() {
                    builder.open_object();
                    summary(builder, module);
                    builder.close();
                }
            });
            builder.array_at("refused", |builder| {
                for refused in generation.refused() {
                    builder.open_object();
                    builder.text_at("name", &refused.name).text_at("reason", &refused.reason);
                    builder.close();
                }
            });
        })
    }

    fn show(&self, name: &str) -> Result<Tree, Status> {
        let generation = self.registry.current();
        let module = generation.module(name).ok_or_else(|| {
            Code::Unexpected.with(match generation.refused_module(name) {
                Some(refused) => format!("module `{name}` is refused: {}", refused.reason),
                None => format!("no module is called `{name}`"),
            })
        })?;
        let history = self.registry.history(name).map_err(|error| Code::Unexpected.with(error.to_string()))?;
        Ok(Tree::object(|builder| {
            summary(builder, module);
            builder.text_at("manifest", &module.manifest.file.display().to_string());
            manifest::declares_at(builder, &module.manifest);
            proof_at(builder, &module.proof);
            builder.object_at("limits", |builder| {
                let budget = module.manifest.budget;
                builder.text_at("memory-mib", &budget.memory_mib.to_string()).text_at("cpu-ms", &budget.cpu_ms.to_string());
                builder.text_at("log-bytes", &budget.log_bytes.to_string()).text_at("steps-per-round", &budget.steps.to_string());
                builder.text_at("handles", &budget.handles.to_string()).text_at("copied-kib", &budget.copied_kib.to_string());
            });
            builder.text_at("pin", history.pin.as_ref().map_or("", |pin| pin.short()));
            builder.array_at("versions", |builder| {
                for version in &history.versions {
                    builder.open_object();
                    builder
                        .text_at("digest", version.digest.full())
                        .text_at("since-ms", &version.since.to_string())
                        .text_at("by", &version.by);
                    builder.close();
                }
            });
        }))
    }

    fn chains(&self, vm: &str) -> Tree {
        Tree::array(|builder| {
            for chain in self.registry.recent_chains(vm) {
                builder.open_object();
                builder.text_at("time-ms", &chain.time.to_string()).text_at("point", &chain.point);
                builder.text_at("failed", chain.failed.as_deref().unwrap_or(""));
                builder.array_at("hooks", |builder| {
                    for run in &chain.runs {
                        builder.open_object();
                        builder.text_at("module", &run.module).text_at("digest", &run.digest).text_at("micros", &run.micros.to_string());
                        builder.text_at("diff", &run.diff).text_at("failure", &run.failure);
                        builder.close();
                    }
                });
                builder.close();
            }
        })
    }

    /// Every verb that a VDSM had, or that we serve or would, and who serves it; and the refused modules.
    fn verbs(&self) -> Tree {
        let generation = self.registry.current();
        let served = self.dispatch.served();
        let verbs = catalogue::ENTRIES.iter().filter(|entry| entry.is_verb()).map(|entry| entry.name);
        let of_refused = generation.refused().iter().flat_map(|refused| refused.serves.iter().map(String::as_str));
        let names: BTreeSet<&str> = verbs.chain(served.iter().map(|descriptor| descriptor.name.as_str())).chain(of_refused).collect();
        let verb_list = |builder: &mut TreeBuilder| {
            for name in names {
                builder.open_object();
                builder.text_at("name", name);
                let by = match generation.verb(name) {
                    Some(served) => served.module.manifest.name.clone(),
                    None if served.iter().any(|descriptor| descriptor.name == name) => "the daemon itself".into(),
                    None => String::new(),
                };
                builder.text_at("by", &by);
                builder.text_at("refused", generation.refused_for(name).map_or("", |refused| refused.name.as_str()));
                builder.close();
            }
        };
        Tree::object(|builder| {
            builder.array_at("verbs", verb_list);
            builder.array_at("refused", |builder| generation.refused().iter().for_each(|refused| _ = builder.text(&refused.name)));
        })
    }

    fn jobs(&self) -> Result<Tree, Status> {
        let unread = |error: StoreError| Code::Unexpected.with(error.to_string());
        let (written, kept) = (self.engine.written().map_err(unread)?, self.engine.keepers().list().map_err(unread)?);
        Ok(Tree::object(|builder| {
            builder.array_at("leases", |builder| {
                for (key, verb, job) in self.engine.leases().list() {
                    builder.open_object();
                    builder.text_at("lease", &key.to_string()).text_at("verb", &verb).text_at("job", &job);
                    builder.close();
                }
            });
            builder.array_at("background", |builder| {
                for job in self.engine.background() {
                    builder.open_object();
                    builder.text_at("job", &job.id.0).text_at("verb", &job.verb).text_at("why", &job.why);
                    builder.close();
                }
            });
            builder.array_at("written", |builder| {
                for job in &written {
                    builder.open_object();
                    builder.text_at("job", &job.id.0).text_at("verb", &job.verb).text_at("phase", job.phase);
                    builder.close();
                }
            });
            builder.array_at("kept", |builder| {
                for kept in &kept {
                    builder.open_object();
                    builder.text_at("subject", &kept.subject).text_at("step", &kept.step).text_at("job", &kept.job.0);
                    builder.close();
                }
            });
        }))
    }
}

fn status(error: ChangeError) -> Status {
    Code::Unexpected.with(error.to_string())
}

fn summary(builder: &mut TreeBuilder, module: &Module) {
    builder.text_at("name", &module.manifest.name).text_at("kind", module.manifest.kind.name()).text_at("digest", module.digest.full());
    let serves: Vec<String> = match &module.manifest.kind {
        Kind::Verb(_) => module.descriptors.iter().map(|descriptor| descriptor.name.clone()).collect(),
        Kind::Hook(hook) => hook.points.iter().map(|point| point.name.to_owned()).collect(),
        Kind::Policy(policy) => vec![policy.domain.clone()],
    };
    builder.array_at("serves", |builder| {
        for name in serves {
            builder.text(&name);
        }
    });
}

fn proof_at(builder: &mut TreeBuilder, proof: &Proof) {
    let list = |builder: &mut TreeBuilder, key: &str, items: &[String]| {
        builder.array_at(key, |builder| {
            for item in items {
                builder.text(item);
            }
        });
    };
    list(builder, "imports", &proof.imports);
    builder.object_at("granted", |builder| {
        for (name, scope) in &proof.granted {
            builder.text_at(name, &scope.describe());
        }
    });
    list(builder, "missing", &proof.missing);
    list(builder, "unused", &proof.unused);
    list(builder, "unknown", &proof.unknown);
}

fn active(module: &Arc<Module>) -> Tree {
    Tree::object(|builder| {
        builder.text_at("name", &module.manifest.name).text_at("digest", module.digest.full());
    })
}

#[async_trait::async_trait]
impl Service for Control {
    fn secrets(&self, _method: &str) -> Arc<[ArgumentPath]> {
        Arc::new([])
    }

    fn seen(&self, _caller: &Caller) {}

    async fn call(&self, call: MethodCall) -> Result<Reply, Fault> {
        let uid = call.caller.credentials.map(|credentials| credentials.uid);
        let Some(uid) = uid.filter(|uid| *uid == 0 || *uid == self.owner) else {
            return Ok(refuse(Code::Unexpected.with("only root may use the control socket")));
        };
        let held = call.held.clone();
        Ok(match self.answer(call, &format!("uid {uid}")).await {
            Err(status) => refuse(status),
            Ok(value) => Reply {
                value: Tree::object(|builder| {
                    builder.object_at("status", |builder| {
                        builder.int_at("code", 0).text_at("message", "Done");
                    });
                    builder.value_at("value", value.root());
                }),
                held,
            },
        })
    }
}
