//! Passwords of operators, apart from the operators: nobody who looks at an operator sees one.

use crate::store::record::{decode, encode};
use crate::store::{StoreError, Table};

use super::{Draft, View};

impl View<'_> {
    /// What an operator's password is checked against, a PHC string; none for an operator with a token only.
    pub fn password(self, operator: &str) -> Result<Option<Box<str>>, StoreError> {
        self.row(Table::Passwords, operator.as_bytes(), decode::<Box<str>>)
    }
}

impl Draft<'_> {
    /// Keeps what an operator's password is checked against, or takes the password away.
    pub fn put_password(&mut self, operator: &str, phc: Option<&str>) -> Result<(), StoreError> {
        match phc {
            Some(phc) => self.0.put(Table::Passwords, operator.as_bytes(), &encode(&phc)),
            None => self.0.remove(Table::Passwords, operator.as_bytes()),
        }
    }
}
