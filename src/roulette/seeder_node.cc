#include "roulette/seeder_node.h"

#include "roulette/seeder_profile.h"

namespace fb::roulette {

SeederNode::SeederNode(const SeederOptions& options, content::SiteCatalog& catalog,
                       Transport& transport)
    : profile_(options.config.profile == wire::Profile::kV2
                   ? make_v2_seeder(options, catalog, transport)
                   : make_classic_seeder(options, catalog, transport)) {}
SeederNode::~SeederNode() = default;

void SeederNode::receive(Instant now, const Endpoint& from, std::span<const uint8_t> datagram) {
  profile_->receive(now, from, datagram);
}

void SeederNode::advance(Instant now) { profile_->advance(now); }
void SeederNode::hear(Instant now, const ShardNews& news) { profile_->hear(now, news); }
Instant SeederNode::next_deadline() const { return profile_->next_deadline(); }
void SeederNode::set_uplink(Instant now, BitRate uplink) { profile_->set_uplink(now, uplink); }
void SeederNode::close(Instant now) { profile_->close(now); }
Footprint SeederNode::footprint() const { return profile_->footprint(); }
NodeStats SeederNode::stats() const { return profile_->stats(); }

}  // namespace fb::roulette
