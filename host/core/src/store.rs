//! The durable store: one redb file, one writer at a time, typed tables that carry a version.
//!
//! Every acknowledged change survives kill -9: [`Store::write`] returns after the commit reached the disk. Writers are gathered:
//! all changes that wait go into one commit. Values are CBOR, which describes itself: a field
//! can be added with a serde default, and a newer program can say what it does not understand.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

mod writer;
use writer::Writer;

const VERSIONS: TableDefinition<'static, &str, u16> = TableDefinition::new("table-versions");
/// Room for a value before it is encoded.
const ROOM: usize = 4 << 10;

/// A typed table: text keys, values of one type in one version.
pub struct Table<V> {
    name: &'static str,
    version: u16,
    value: PhantomData<fn() -> V>,
}

impl<V> Clone for Table<V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<V> Copy for Table<V> {}

impl<V: Serialize + DeserializeOwned> Table<V> {
    /// Names a table. `version` is raised when old values can no longer be read.
    pub const fn new(name: &'static str, version: u16) -> Table<V> {
        Table { name, version, value: PhantomData }
    }

    /// Encodes what is to be the value of `key`.
    pub fn encode(self, key: &str, value: &V) -> Result<Encoded<V>, StoreError> {
        let mut bytes = Vec::with_capacity(ROOM);
        ciborium::into_writer(value, &mut bytes).map_err(|error| StoreError::Value {
            table: self.name,
            key: key.to_owned(),
            cause: error.to_string(),
        })?;
        Ok(Encoded { bytes, value: PhantomData })
    }

    fn definition(self) -> TableDefinition<'static, &'static str, &'static [u8]> {
        TableDefinition::new(self.name)
    }
}

/// A value as its table holds it, encoded where it was made: the one writer then only writes.
pub struct Encoded<V> {
    bytes: Vec<u8>,
    value: PhantomData<fn() -> V>,
}

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another daemon has it open.
    #[error("the store {0} is in use by another daemon")]
    InUse(String),
    /// The database said no.
    #[error("store: {0}")]
    Database(#[from] redb::Error),
    /// A value cannot be read as what the table holds.
    #[error("table {table}, key {key}: {cause}")]
    Value {
        /// The table.
        table: &'static str,
        /// The key.
        key: String,
        /// What the decoder said.
        cause: String,
    },
    /// The table was written by another version of the program.
    #[error("table {table} has version {found}, this program knows {known}")]
    Version {
        /// The table.
        table: &'static str,
        /// What is there.
        found: u16,
        /// What we write.
        known: u16,
    },
    /// A change that the caller's own rules refuse.
    #[error("{0}")]
    Refused(String),
    /// Nobody can say whether the change was committed: a fault of the store itself.
    #[error("the store lost a change")]
    Lost,
}

macro_rules! from_redb {
    ($($error:ident),*) => {
        $(impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                StoreError::Database(error.into())
            }
        })*
    };
}
from_redb!(TransactionError, TableError, StorageError, CommitError);

/// The open store. Clones share it.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    writer: Arc<Writer>,
}

impl Store {
    /// Opens or creates the store at `path`, for its owner alone. Fails when another process has it open.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        use std::os::unix::fs::OpenOptionsExt;
        // What it says of compiled code is trusted, so nobody else may write it: the mode stands before the content.
        let made = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        made.map_err(|error| StoreError::Database(redb::StorageError::Io(error).into()))?;
        let database = Database::create(path).map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.display().to_string()),
            other => StoreError::Database(other.into()),
        })?;
        Ok(Store::over(database))
    }

    /// A store that dies with the process, for tests.
    pub fn in_memory() -> Result<Store, StoreError> {
        let database = Database::builder()
            .create_with_backend(redb::backends::InMemoryBackend::new())
            .map_err(|error| StoreError::Database(error.into()))?;
        Ok(Store::over(database))
    }

    fn over(database: Database) -> Store {
        let database = Arc::new(database);
        Store { writer: Writer::new(database.clone()), database }
    }

    /// Runs `change` in a transaction and returns once it is on the disk. What `change` wrote is dropped when it fails. Within a tokio
    /// runtime.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (value_out, value_in) = oneshot::channel();
        let change = Box::new(move |transaction: &mut WriteTransaction<'_>| {
            let value = change(transaction)?;
            // The receiver is gone only when the caller no longer waits.
            let _ = value_out.send(value);
            Ok(())
        });
        self.writer.write(change).await?;
        value_in.await.map_err(|_| StoreError::Lost)
    }

    /// Sets one value.
    pub async fn put<V>(&self, table: Table<V>, key: &str, value: V) -> Result<(), StoreError>
    where
        V: Serialize + DeserializeOwned + Send + 'static,
    {
        let key = key.to_owned();
        self.write(move |transaction| transaction.put(table, &key, &value)).await
    }

    /// Sets one value from a thread that may block; not to be called in async code.
    pub fn put_blocking<V>(&self, table: Table<V>, key: &str, value: V) -> Result<(), StoreError>
    where
        V: Serialize + DeserializeOwned + Send + 'static,
    {
        let key = key.to_owned();
        self.writer.write_blocking(Box::new(move |transaction| transaction.put(table, &key, &value)))
    }

    /// One value as last committed.
    pub fn get<V: Serialize + DeserializeOwned>(&self, table: Table<V>, key: &str) -> Result<Option<V>, StoreError> {
        let transaction = self.database.begin_read()?;
        let opened = match transaction.open_table(table.definition()) {
            Ok(opened) => opened,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        check_read_version(&transaction, table)?;
        opened.get(key)?.map(|guard| decode(table.name, key, guard.value())).transpose()
    }

    /// All values of a table as last committed, by key.
    pub fn all<V: Serialize + DeserializeOwned>(&self, table: Table<V>) -> Result<Vec<(String, V)>, StoreError> {
        let transaction = self.database.begin_read()?;
        let opened = match transaction.open_table(table.definition()) {
            Ok(opened) => opened,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        check_read_version(&transaction, table)?;
        opened
            .iter()?
            .map(|entry| {
                let (key, value) = entry?;
                let key = key.value().to_owned();
                let value = decode(table.name, &key, value.value())?;
                Ok((key, value))
            })
            .collect()
    }
}

fn check_read_version<V>(transaction: &redb::ReadTransaction, table: Table<V>) -> Result<(), StoreError> {
    let found = match transaction.open_table(VERSIONS) {
        Ok(versions) => versions.get(table.name)?.map(|guard| guard.value()),
        Err(redb::TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(error.into()),
    };
    match found {
        Some(found) if found != table.version => Err(StoreError::Version { table: table.name, found, known: table.version }),
        _ => Ok(()),
    }
}

fn decode<V: DeserializeOwned>(table: &'static str, key: &str, bytes: &[u8]) -> Result<V, StoreError> {
    ciborium::from_reader(bytes).map_err(|error| StoreError::Value { table, key: key.to_owned(), cause: error.to_string() })
}

/// A transaction in the making. Changes of one caller are applied together or not at all.
pub struct WriteTransaction<'a> {
    inner: &'a redb::WriteTransaction,
    pending: BTreeMap<(&'static str, String), Option<Vec<u8>>>,
    /// Tables whose version this daemon has seen committed; nobody else writes to the store.
    known: &'a BTreeSet<&'static str>,
    /// Other tables this transaction has looked at; the number is to be written when the table is new.
    versions: BTreeMap<&'static str, Option<u16>>,
}

impl WriteTransaction<'_> {
    fn touch<V>(&mut self, table: Table<V>) -> Result<(), StoreError> {
        if self.known.contains(table.name) || self.versions.contains_key(table.name) {
            return Ok(());
        }
        let found = self.inner.open_table(VERSIONS)?.get(table.name)?.map(|guard| guard.value());
        match found {
            Some(found) if found != table.version => return Err(StoreError::Version { table: table.name, found, known: table.version }),
            Some(_) => self.versions.insert(table.name, None),
            None => self.versions.insert(table.name, Some(table.version)),
        };
        Ok(())
    }

    /// Sets one value.
    pub fn put<V: Serialize + DeserializeOwned>(&mut self, table: Table<V>, key: &str, value: &V) -> Result<(), StoreError> {
        self.put_encoded(table, key, table.encode(key, value)?)
    }

    /// Sets one value that is encoded already.
    pub fn put_encoded<V: Serialize + DeserializeOwned>(
        &mut self,
        table: Table<V>,
        key: &str,
        value: Encoded<V>,
    ) -> Result<(), StoreError> {
        self.touch(table)?;
        self.pending.insert((table.name, key.to_owned()), Some(value.bytes));
        Ok(())
    }

    /// Removes one value; it need not be there.
    pub fn remove<V: Serialize + DeserializeOwned>(&mut self, table: Table<V>, key: &str) -> Result<(), StoreError> {
        self.touch(table)?;
        self.pending.insert((table.name, key.to_owned()), None);
        Ok(())
    }

    /// One value as this transaction sees it.
    pub fn get<V: Serialize + DeserializeOwned>(&self, table: Table<V>, key: &str) -> Result<Option<V>, StoreError> {
        match self.pending.get(&(table.name, key.to_owned())) {
            Some(Some(bytes)) => decode(table.name, key, bytes).map(Some),
            Some(None) => Ok(None),
            None => match self.inner.open_table(table.definition())?.get(key)? {
                Some(guard) => decode(table.name, key, guard.value()).map(Some),
                None => Ok(None),
            },
        }
    }

    /// Writes into the commit; the tables that were looked at.
    fn apply(self) -> Result<Vec<&'static str>, StoreError> {
        for (name, version) in &self.versions {
            if let Some(version) = version {
                self.inner.open_table(VERSIONS)?.insert(name, version)?;
            }
        }
        for ((name, key), value) in self.pending {
            let mut table = self.inner.open_table(TableDefinition::<&str, &[u8]>::new(name))?;
            match value {
                Some(bytes) => table.insert(key.as_str(), bytes.as_slice()).map(drop)?,
                None => table.remove(key.as_str()).map(drop)?,
            }
        }
        Ok(self.versions.into_keys().collect())
    }
}
