// docs/vectors in both directions: what stands there is what is encoded and decoded here.
#include <algorithm>
#include <array>
#include <set>

#include "content/file_record.h"
#include "content/link.h"
#include "content/site_build.h"
#include "content/site_manifest.h"
#include "wire/support.h"

namespace fb::wire {
namespace {

using content::FileRecord;
using content::Sha256;

TEST_CASE("every vector is encoded to its bytes") {
  for (const Vector& vector : datagram_vectors()) {
    INFO(vector.name);
    Bytes bytes;
    const Message message = message_of(vector.type, vector.fields, bytes);
    REQUIRE(to_hex(encoded(vector.to, message)) == to_hex(vector.datagram));
  }
}

TEST_CASE("every vector is decoded to its fields") {
  for (const Vector& vector : datagram_vectors()) {
    INFO(vector.name);
    const auto header = decode_header(vector.datagram);
    REQUIRE(header.has_value());
    REQUIRE(header->to == vector.to);
    REQUIRE(type_name(header->type) == vector.type);
    const auto datagram = decode(vector.datagram);
    REQUIRE(datagram.has_value());
    REQUIRE(datagram->header.to == vector.to);
    REQUIRE(datagram->message.index() + 1 == static_cast<size_t>(header->type));
    REQUIRE(fields_of(datagram->message) == vector.fields);
  }
}

TEST_CASE("every message type has a vector, and names differ") {
  std::set<std::string> types;
  std::set<std::string> names;
  for (const Vector& vector : datagram_vectors()) {
    types.insert(vector.type);
    REQUIRE(names.insert(vector.name).second);
  }
  for (size_t type = 1; type < kMessageTypes; ++type) {
    INFO(type);
    REQUIRE(types.contains(std::string(type_name(static_cast<MessageType>(type)))));
  }
}

// What the documents say of a file's content: byte i is 7 * i modulo 256.
Bytes numbered(size_t length) {
  Bytes out(length);
  for (size_t i = 0; i < length; ++i) out[i] = static_cast<uint8_t>(i * 7);
  return out;
}

Sha256 hash_of(const Json& hex) {
  const Bytes bytes = from_hex(hex.get<std::string>());
  Sha256 out{};
  REQUIRE(bytes.size() == out.size());
  std::ranges::copy(bytes, out.begin());
  return out;
}

std::vector<Sha256> hashes_of(const Json& list) {
  std::vector<Sha256> out;
  for (const Json& item : list) out.push_back(hash_of(item));
  return out;
}

FileRecord record_of(const Json& f) {
  FileRecord out;
  out.path = f.at("path").get<std::string>();
  out.content_type = f.at("content_type").get<std::string>();
  out.id = static_cast<FileId>(number_of(f.at("id")));
  out.geometry = {f.at("length").get<uint64_t>(), f.at("chunk_size").get<uint16_t>(),
                  f.at("metachunk_chunks").get<uint8_t>()};
  out.sha256 = hash_of(f.at("sha256"));
  for (const Json& id : f.at("list_ids")) out.list_ids.push_back(FileId{number_of(id)});
  out.inline_hashes = hashes_of(f.at("inline_hashes"));
  return out;
}

Bytes encoded_record(const FileRecord& record) {
  Bytes out(content::kRecordLengthMax);
  Writer writer(out);
  content::encode(record, writer);
  out.resize(writer.used());
  return out;
}

TEST_CASE("file records of the vectors") {
  const Json all = load_vectors("content.json");
  for (const Json& item : all.at("file_records")) {
    INFO(item.at("name"));
    const FileRecord record = record_of(item.at("fields"));
    const auto hex = item.at("hex").get<std::string>();
    REQUIRE(to_hex(encoded_record(record)) == hex);
    const Bytes bytes = from_hex(hex);
    Reader in(bytes);
    REQUIRE(content::decode_file_record(in).value() == record);
    REQUIRE(in.finished());

    // The hashes are those of the content, through every list.
    const Bytes file = numbered(item.at("content_length").get<size_t>());
    REQUIRE(content::sha256(file) == record.sha256);
    const Json& lists = item.at("hash_lists");
    REQUIRE(lists.size() == record.list_ids.size());
    content::ObjectInfo object = record.deepest();
    for (size_t level = lists.size(); level-- > 0;) {
      const Bytes list = from_hex(lists.at(level).get<std::string>());
      REQUIRE(object.id == record.list_ids[level]);
      REQUIRE(content::metachunk_hashes(object.geometry, list) == object.hashes);
      object = record.above(level, list).value();
    }
    REQUIRE(object.id == record.id);
    REQUIRE(content::metachunk_hashes(object.geometry, file) == object.hashes);
  }
}

TEST_CASE("Merkle trees of the vectors") {
  std::set<size_t> sizes;
  const Json all = load_vectors("content.json");
  for (const Json& item : all.at("merkle_trees")) {
    std::vector<Sha256> leaves;
    for (const Json& leaf : item.at("leaves")) {
      leaves.push_back(content::MerkleTree::leaf_hash(from_hex(leaf.get<std::string>())));
    }
    sizes.insert(leaves.size());
    REQUIRE(leaves == hashes_of(item.at("leaf_hashes")));
    const content::MerkleTree tree(leaves);
    REQUIRE(tree.root() == hash_of(item.at("root")));
    for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
      REQUIRE(tree.audit_path(leaf) == hashes_of(item.at("audit_paths").at(leaf)));
    }
  }
  REQUIRE(sizes == std::set<size_t>{1, 2, 3, 5});
}

TEST_CASE("the site of the vectors: root, signature, index and manifest blobs") {
  const Json all = load_vectors("content.json");
  const Json& site = all.at("site");
  const auto secret = content::secret_key_from_seed(hash_of(site.at("seed")));
  const content::PublicKey key = content::public_key_of(secret);
  REQUIRE(to_hex(key) == site.at("public_key").get<std::string>());
  const content::SiteRoot root{site.at("version").get<uint64_t>(),
                               site.at("file_count").get<uint32_t>(),
                               hash_of(site.at("tree_root"))};
  const content::Signature signature = content::sign(root, secret);
  REQUIRE(to_hex(signature) == site.at("signature").get<std::string>());
  REQUIRE(content::verify(root, signature, key));

  std::vector<FileRecord> records;
  for (const Json& item : all.at("file_records")) records.push_back(record_of(item.at("fields")));
  std::ranges::sort(records, {}, &FileRecord::path);
  const auto index = site.at("index").get<std::string>();
  REQUIRE(to_hex(content::encode_site_index(records)) == index);
  REQUIRE(content::decode_site_index(from_hex(index)).value() == records);

  const Bytes index_record = from_hex(site.at("index_record").get<std::string>());
  Reader in(index_record);
  records.push_back(content::decode_file_record(in).value());
  REQUIRE(records.back().path == content::kSiteIndexPath);
  REQUIRE(records.back().sha256 == content::sha256(from_hex(index)));
  std::ranges::sort(records, {}, &FileRecord::path);

  REQUIRE(site.at("blobs").size() == records.size());
  for (const Json& item : site.at("blobs")) {
    const auto path = item.at("path").get<std::string>();
    INFO(path);
    const auto leaf = item.at("leaf").get<size_t>();
    const Bytes blob = from_hex(item.at("hex").get<std::string>());
    REQUIRE(content::encode_manifest_blob(root, signature, records.at(leaf), leaf,
                                          hashes_of(item.at("audit_path"))) == blob);
    const auto manifest = content::decode_manifest_blob(blob, key);
    REQUIRE(manifest.has_value());
    REQUIRE(manifest->site == root);
    REQUIRE(manifest->record == records.at(leaf));
    REQUIRE(manifest->record.path == path);
  }
}

TEST_CASE("links of the vectors") {
  const Json all = load_vectors("content.json");
  for (const Json& item : all.at("links")) {
    const auto text = item.at("text").get<std::string>();
    INFO(text);
    const auto link = content::Link::parse(text);
    REQUIRE(link.has_value());
    REQUIRE(link->host == item.at("host").get<std::string>());
    REQUIRE(link->port == item.at("port").get<uint16_t>());
    REQUIRE(link->path == item.at("path").get<std::string>());
    REQUIRE(to_hex(link->key) == item.at("key").get<std::string>());
    REQUIRE(link->to_string() == text);
  }
  for (const Json& text : all.at("refused_links")) {
    INFO(text);
    REQUIRE_FALSE(content::Link::parse(text.get<std::string>()).has_value());
  }
}

}  // namespace
}  // namespace fb::wire
