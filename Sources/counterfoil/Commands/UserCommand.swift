internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Wire

enum UserCommand: Command {
    static let name = "user"
    static let summary = "make, list and disable people who sign in to the console"
    static let help = """
        usage: counterfoil user create NAME [--scopes LIST] [--consultancy ID | --tenant ID] [--password-file FILE]
               counterfoil user list
               counterfoil user password NAME [--password-file FILE]
               counterfoil user disable NAME
               counterfoil user enable NAME

        People who sign in to the console by name (or address of e-mail) and password. Without --password-file a password is drawn and printed
        once. Who is disabled, or has another password, is signed out within five seconds. Users can be made through the API as well.
          --scopes LIST          of read, write, admin with commas; each includes those before it (admin)
          --consultancy ID       sees this consultancy's client businesses
          --tenant ID            sees this client business; without either: everything, as the operator
          --password-file FILE   the file's first line is the password: 12 to 200 characters
        Environment: as for serve.
        """
    static let options = ["scopes", "consultancy", "tenant", "password-file"]
    static let flags: [String] = []

    static func run(_ arguments: Arguments) async throws(Fault) -> Int32 {
        guard let verb = arguments.rest.first, arguments.rest.count == (verb == "list" ? 1 : 2), ["create", "list", "password", "disable", "enable"].contains(verb) else {
            throw usage("counterfoil user create|password|disable|enable NAME, or counterfoil user list")
        }
        let pool = PostgresPool(try Surroundings.current.database(), size: 1)
        let store = Store(pool)
        do throws(Fault) {
            if verb == "list" { try await list(store) } else { try await change(verb, arguments.rest[1], arguments, store) }
        } catch {
            await pool.close()
            throw error
        }
        await pool.close()
        return 0
    }

    private static func change(_ verb: String, _ name: String, _ arguments: Arguments, _ store: Store) async throws(Fault) {
        if verb == "create" { return try await create(name, arguments, store) }
        guard let id = try await store.userID(named: name) else { throw usage("there is no user \(name): counterfoil user list names them") }
        switch verb {
        case "password":
            let (password, isDrawn) = try Self.password(arguments)
            _ = try await store.setPassword(id, try PasswordHash.make(password, random: SystemRandom()), actor: "operator")
            say(isDrawn ? password.revealText() : "\(name) has another password")
        default:
            _ = try await store.changeUser(id, disabled: verb == "disable", scopes: nil, actor: "operator")
            say("\(name) is \(verb)d")
        }
    }

    private static func create(_ name: String, _ arguments: Arguments, _ store: Store) async throws(Fault) {
        let scopes = (arguments.value("scopes") ?? "admin").split(separator: ",").map(String.init)
        let tenant = try arguments.value("tenant").map { text throws(Fault) in try id(text, "tenant") { TenantID($0) } }
        let consultancy = try arguments.value("consultancy").map { text throws(Fault) in try id(text, "consultancy") { ConsultancyID($0) } }
        guard tenant == nil || consultancy == nil else { throw usage("a user is for a tenant or for a consultancy") }
        let (password, isDrawn) = try Self.password(arguments)
        let row = UserRow(id: SystemRandom().identifier(), name: name, visibility: Visibility(consultancy: consultancy, tenant: tenant), scopes: scopes)
        do throws(Fault) {
            _ = try await store.createUser(row, password: try PasswordHash.make(password, random: SystemRandom()), actor: "operator")
        } catch {
            switch error.code {
            case "unique_violation": throw usage("there is a user \(name) already")
            case "foreign_key_violation": throw usage("there is no such tenant or consultancy")
            default: throw error
            }
        }
        say(isDrawn ? password.revealText() : "\(name) is made")
    }

    private static func id<ID>(_ text: String, _ what: String, _ read: (String) -> ID?) throws(Fault) -> ID {
        guard let id = read(text) else { throw usage("--\(what) wants an id") }
        return id
    }

    private static func password(_ arguments: Arguments) throws(Fault) -> (Secret, isDrawn: Bool) {
        guard let file = arguments.value("password-file") else { return (UserName.drawnPassword(SystemRandom()), true) }
        let text = try Secrets.read(file)
        guard (UserName.passwordLeast ... UserName.passwordMost).contains(text.unicodeScalars.count), text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 }) else {
            throw usage("a password has \(UserName.passwordLeast) to \(UserName.passwordMost) characters")
        }
        return (Secret(text), false)
    }

    private static func list(_ store: Store) async throws(Fault) {
        var after: [String]?
        repeat {
            let rows = try await store.adminUsers(.all, PageRequest(after: after, limit: Limits.pageRows))
            for row in rows {
                let user = try JSON(parsing: row.json)
                let whose = user["tenant"]?.string.map { "tenant \($0)" } ?? user["consultancy"]?.string.map { "consultancy \($0)" } ?? "operator"
                let scopes = (user["scopes"]?.array ?? []).compactMap(\.string).joined(separator: ",")
                let isDisabled = user["disabled_at"]?.string != nil
                say("\((user["name"]?.string ?? "").padded(to: 32))\(scopes.padded(to: 18))\(whose)\(isDisabled ? "  disabled" : "")")
            }
            after = rows.count == Limits.pageRows ? rows.last?.cursor : nil
        } while after != nil
    }
}
