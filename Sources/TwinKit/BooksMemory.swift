public import Wire

/// The books of one company, or of one database: they keep their own changes.
public protocol TwinBooks: Sendable {
    /// What changed since the last commit, as one record; `nil` where nothing did.
    var changes: JSON? { get }
    mutating func commit()
    /// Takes back what changed since the mark; 0 is the last commit.
    mutating func rollback(to mark: Int)
}

/// A memory of many books, by name, and of what belongs to none of them.
public protocol BooksMemory: TwinMemory {
    associatedtype Books: TwinBooks
    var books: [String: Books] { get set }
    /// Records of what belongs to none of the books, since the last commit.
    var pending: [JSON] { get set }
}

extension BooksMemory {
    /// All of them, in the order of their names. Each is out of the list while it changes, so that it is not copied.
    public mutating func each(_ body: (inout Books) -> Void) {
        for name in books.keys.sorted() {
            guard var one = books.removeValue(forKey: name) else { continue }
            body(&one)
            books[name] = one
        }
    }

    public var changes: [JSON] { pending + books.keys.sorted().compactMap { books[$0]?.changes } }

    public mutating func commit() {
        pending = []
        each { $0.commit() }
    }

    public mutating func rollback() {
        pending = []
        each { $0.rollback(to: 0) }
    }
}
