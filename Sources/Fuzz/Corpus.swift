internal import FoundationEssentials
public import Kernel

/// Inputs worth mutating, one file each.
public struct Corpus: Sendable {
    public let folder: String
    public private(set) var inputs: [[UInt8]] = []

    /// - Throws: `corpus_missing` where there are none.
    public init(_ folder: String) throws(Fault) {
        self.folder = folder
        for name in ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted() {
            if let data = try? Data(contentsOf: URL(filePath: "\(folder)/\(name)")) { inputs.append(Array(data)) }
        }
        guard !inputs.isEmpty else {
            throw Fault("corpus_missing", stage: .configuration, disposition: .hold, summary: "there are no inputs in \(folder)", remedy: "Run it from the checkout, or give --corpus.")
        }
    }

    /// Keeps one more, in a file named after its content, and gives that name.
    /// - Throws: `folder_unwritable`.
    @discardableResult
    public mutating func keep(_ input: [UInt8]) throws(Fault) -> String {
        inputs.append(input)
        let name = "\(folder)/\(String(input.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }, radix: 16))"
        do { try Data(input).write(to: URL(filePath: name)) } catch {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "\(name) can't be written")
        }
        return name
    }
}
