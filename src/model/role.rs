//! Roles and what each may do.

/// What a caller is allowed to do as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads users and follows changes.
    Reader,
    /// Reads and writes users.
    Writer,
    /// Provisions users for an identity provider.
    Provisioner,
    /// Everything, tokens and the whole record included.
    Admin,
}

/// One thing that a caller may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Ask who it is.
    ReadSelf,
    /// Read users.
    ReadUsers,
    /// Create, change and delete users.
    WriteUsers,
    /// Follow the changes of users.
    ReadChanges,
    /// See who changed what from where, and the changes of tokens.
    ReadRecord,
    /// Create, change and revoke tokens.
    ManageTokens,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 4] = [Self::Provisioner, Self::Reader, Self::Writer, Self::Admin];

    /// The name in settings, tokens and claims.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Provisioner => "provisioner",
            Self::Admin => "admin",
        }
    }

    /// The role with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// The matrix: what is not here is denied.
    pub fn may(self, permission: Permission) -> bool {
        use Permission::{ManageTokens, ReadChanges, ReadRecord, ReadSelf, ReadUsers, WriteUsers};
        match (self, permission) {
            (_, ReadSelf)
            | (Self::Reader | Self::Writer | Self::Admin, ReadUsers | ReadChanges)
            | (Self::Writer | Self::Admin, WriteUsers)
            | (Self::Admin, ReadRecord | ManageTokens) => true,
            (Self::Provisioner, ReadUsers | ReadChanges)
            | (Self::Reader | Self::Provisioner, WriteUsers)
            | (Self::Reader | Self::Writer | Self::Provisioner, ReadRecord | ManageTokens) => false,
        }
    }
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 6] = [
        Self::ReadSelf,
        Self::ReadUsers,
        Self::WriteUsers,
        Self::ReadChanges,
        Self::ReadRecord,
        Self::ManageTokens,
    ];

    /// The name that a refusal tells.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadSelf => "self:read",
            Self::ReadUsers => "users:read",
            Self::WriteUsers => "users:write",
            Self::ReadChanges => "changes:read",
            Self::ReadRecord => "record:read",
            Self::ManageTokens => "tokens:manage",
        }
    }
}
