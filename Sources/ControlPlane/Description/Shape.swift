internal import Store
internal import Wire

/// What a JSON value may be. Declared once: bodies and queries are read by it, `/openapi.json` is written of it, and tests hold answers against it.
indirect enum Shape: Sendable {
    case text(Words)
    case choice([String])
    case integer(ClosedRange<Int>)
    case flag
    case list(Shape, ClosedRange<Int>)
    /// These members and no others.
    case object([Member])
    /// Members of any name, all of one shape.
    case map(Shape, most: Int)
    /// Declared elsewhere, under a name of its own.
    case thing(Thing)
    case orNull(Shape)
    /// The first that fits.
    case either([Shape])
    case anything

    /// The shape itself, where it has a name or may be null.
    var bare: Shape {
        switch self {
        case .thing(let thing): thing.shape.bare
        case .orNull(let shape): shape.bare
        default: self
        }
    }
}

/// A member of an object, or a parameter.
struct Member: Sendable {
    var name: String
    var shape: Shape
    var meaning: String
    /// Always there. Of a body: it is refused without.
    var isRequired: Bool
    /// `nil`: the shape's own.
    var example: JSON?

    static func must(_ name: String, _ shape: Shape, _ meaning: String = "", example: JSON? = nil) -> Member {
        Member(name: name, shape: shape, meaning: meaning, isRequired: true, example: example)
    }

    /// In a body null is the same as leaving it out.
    static func may(_ name: String, _ shape: Shape, _ meaning: String = "", example: JSON? = nil) -> Member {
        Member(name: name, shape: shape, meaning: meaning, isRequired: false, example: example)
    }
}

/// A shape that has a name of its own: what the API speaks of.
struct Thing: Sendable {
    var name: String
    var meaning: String
    var members: [Member]

    init(_ name: String, _ meaning: String, _ members: [Member]) {
        self.name = name
        self.meaning = meaning
        self.members = members
    }

    var shape: Shape { .object(members) }
}

// MARK: - Short words for shapes

extension Shape {
    static let id = Shape.text(Words(.id, most: 36))
    static let slug = Shape.text(Words(.slug, most: 63))
    static let day = Shape.text(Words(.day, most: 10))
    static let instant = Shape.text(Words(.instant, most: 40))
    static let country = Shape.text(Words(.country, most: 2))
    static let currency = Shape.text(Words(.currency, most: 3))
    static let zone = Shape.text(Words(.zone, most: 64))
    static let postKey = Shape.text(Words(.postKey, most: 16))
    static let secret = Shape.text(Words(.secret, most: ControlPlaneLimits.secretBytes))
    /// A name of a user's.
    static let login = Shape.text(Words(.login, most: UserName.lengthMost))
    /// A password as it is set.
    static let password = Shape.text(Words(.line, least: UserName.passwordLeast, most: UserName.passwordMost))
    /// One line, as people write it.
    static let line = Shape.line(most: ControlPlaneLimits.textCharacters)
    static func line(most: Int) -> Shape { .text(Words(.line, most: most)) }
    /// Whatever was written, with line breaks and all; also nothing.
    static let words = Shape.text(Words(.any, least: 0, most: .max))
    /// A file's content as a string.
    static let content = Shape.text(Words(.any, least: 1, most: .max))
    /// A name of a platform's for one of its accounts.
    static let account = Shape.text(Words(.account, most: 128))
    /// A string among settings.
    static let value = Shape.text(Words(.value, least: 0, most: 1000))
    static let count = Shape.integer(0 ... .max)
    static let number = Shape.integer(.min ... .max)
    /// Of a thing that is not told: a free object of the platform's or ours.
    static let free = Shape.map(.anything, most: .max)
    static func list(_ shape: Shape) -> Shape { .list(shape, 0 ... .max) }
    static func things(_ thing: Thing) -> Shape { .list(.thing(thing), 0 ... .max) }
    static func map(_ shape: Shape) -> Shape { .map(shape, most: .max) }
    /// Any of an enumeration's names.
    static func any<Name: CaseIterable & RawRepresentable>(of _: Name.Type) -> Shape where Name.RawValue == String { .choice(Name.allCases.map(\.rawValue)) }
}
